#!/usr/bin/env bash
# What Qt needs on a bare Debian or Ubuntu, and what the test in a real window needs. macOS and desktops need nothing.
# Installs what is missing when it may; says what is missing otherwise.
set -euo pipefail
command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 || exit 0

needed=(
  libegl1 libgl1 libglib2.0-0 libdbus-1-3 libfontconfig1 libxkbcommon0 fonts-dejavu-core
  libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0
  libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 xvfb xdotool openbox
)
missing=()
for package in "${needed[@]}"; do
  status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
  # Newer releases have some of them under a name that ends in t64.
  [ -n "$status" ] || status=$(dpkg-query -W -f='${Status}' "${package}t64" 2>/dev/null || true)
  case "$status" in *"ok installed"*) ;; *) missing+=("$package") ;; esac
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" = 0 ]; then
  echo "Installing what Qt and the window's tests need: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "For the window and its tests: sudo apt-get install ${missing[*]}"
fi
