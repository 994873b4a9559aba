#!/usr/bin/env bash
# Puts the app into a compressed disk image, beside a link to the Applications folder. For macOS.
#
#   packaging/make_dmg.sh APP DMG
set -euo pipefail

if [ $# -ne 2 ]; then
  echo "usage: packaging/make_dmg.sh APP DMG" >&2
  exit 2
fi
app=${1%/}
image=$2
if [ ! -d "$app" ]; then
  echo "make_dmg: $app is not there: make app builds it" >&2
  exit 1
fi
if [ "$(uname)" != Darwin ]; then
  echo "make_dmg: this needs macOS" >&2
  exit 1
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Keeps symbolic links and the signature as they are.
ditto "$app" "$folder/$(basename "$app")"
ln -s /Applications "$folder/Applications"
rm -f "$image"
hdiutil create -volname "$(basename "$app" .app)" -srcfolder "$folder" -fs HFS+ -format ULMO -ov "$image"
hdiutil verify "$image"
