#!/usr/bin/env bash
# Signs an app or a disk image, has Apple notarise it, and checks each step. For macOS; --dry-run prints the commands
# anywhere. Written for the bash 3.2 that macOS has.
#
#   packaging/sign_and_notarize.sh [--dry-run] [--ad-hoc] [PATH]
#
# PATH is an .app or a .dmg; without one, dist/Qwen Image Editor.app. From the environment:
#   SIGNING_IDENTITY   "Developer ID Application: Name (TEAMID)", as `security find-identity -v -p codesigning` tells
#   NOTARY_PROFILE     of `xcrun notarytool store-credentials`; or instead of it the three of an App Store Connect key:
#   NOTARY_KEY, NOTARY_KEY_ID, NOTARY_ISSUER
# --ad-hoc signs for this Mac alone, with no identity and without notarising.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
entitlements="$here/entitlements.plist"
dry_run=false
ad_hoc=false
target="$here/../dist/Qwen Image Editor.app"

fail() {
  echo "sign_and_notarize: $1" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case "$1" in
    --dry-run) dry_run=true ;;
    --ad-hoc) ad_hoc=true ;;
    -h | --help) sed -n '2,13s/^# \{0,1\}//p' "$0" && exit 0 ;;
    -*) fail "unknown option $1; see --help" ;;
    *) target=${1%/} ;;
  esac
  shift
done

# Runs a command and stops where it fails; in a dry run only prints it.
step() {
  if $dry_run; then
    printf '%q ' "$@"
    echo
    return
  fi
  echo "→ $*"
  "$@" || fail "$1 failed (exit $?): $*"
}

is_mach_o() {
  case "$(od -An -tx1 -N4 "$1" | tr -d ' \n')" in
    cffaedfe | cefaedfe | feedfacf | feedface | cafebabe) true ;;
    *) false ;;
  esac
}

# Prints the programs and libraries inside an app, the deepest first, and each framework after what is in it.
code_inside() {
  find "$1/Contents" -type f \( -name '*.dylib' -o -name '*.so' -o -perm -u+x \) -print | while IFS= read -r file; do
    if is_mach_o "$file"; then printf '%s\n' "$file"; fi
  done
  find "$1/Contents" -type d -name '*.framework' -print
}

inside_out() {
  code_inside "$1" | awk -F/ '{ print NF "\t" $0 }' | sort -k1,1nr -k2 | cut -f2-
}

sign() {
  if $ad_hoc; then
    # Without a team there is no hardened runtime: it would refuse the app's own libraries.
    step codesign --force --sign - "$@"
  else
    step codesign --force --timestamp --options runtime --sign "$SIGNING_IDENTITY" "$@"
  fi
}

sign_app() {
  local app=$1 main list
  main="$app/Contents/MacOS/$(basename "$app" .app)"
  if [ -f "$main" ]; then
    list=$(inside_out "$app") || fail "the code inside $app could not be listed"
  elif $dry_run; then
    list="$app/Contents/Frameworks/EACH LIBRARY, THE DEEPEST FIRST"
  else
    fail "$main is not there: make app builds it"
  fi
  while IFS= read -r code; do
    # The program itself is signed with the app, which carries the entitlements.
    if [ -n "$code" ] && [ "$code" != "$main" ]; then sign "$code"; fi
  done <<<"$list"
  sign --entitlements "$entitlements" "$app"
  step codesign --verify --strict --verbose=2 "$app"
}

notarise() {
  local upload=$1 said id account
  if [ -n "${NOTARY_PROFILE:-}" ]; then
    account=(--keychain-profile "$NOTARY_PROFILE")
  else
    account=(--key "$NOTARY_KEY" --key-id "$NOTARY_KEY_ID" --issuer "$NOTARY_ISSUER")
  fi
  if $dry_run; then
    step xcrun notarytool submit "$upload" --wait --timeout 1h --output-format json "${account[@]}"
    return
  fi
  echo "→ xcrun notarytool submit $upload (some minutes)"
  said=$(xcrun notarytool submit "$upload" --wait --timeout 1h --output-format json "${account[@]}") ||
    fail "notarytool failed (exit $?): $said"
  # It exits with 0 for what Apple has refused, too.
  case "$said" in
    *'"status":"Accepted"'* | *'"status": "Accepted"'*) echo "$said" ;;
    *)
      id=$(sed -n 's/.*"id" *: *"\([^"]*\)".*/\1/p' <<<"$said" | head -n 1)
      if [ -n "$id" ]; then xcrun notarytool log "$id" "${account[@]}" >&2 || true; fi
      fail "Apple did not accept $upload: $said"
      ;;
  esac
}

if $dry_run; then
  : "${SIGNING_IDENTITY:=Developer ID Application: NAME (TEAMID)}"
  if [ -z "${NOTARY_KEY:-}" ]; then : "${NOTARY_PROFILE:=PROFILE}"; fi
elif [ "$(uname)" != Darwin ]; then
  fail "this needs macOS; --dry-run prints what would be done"
elif ! $ad_hoc; then
  [ -n "${SIGNING_IDENTITY:-}" ] || fail "SIGNING_IDENTITY is not set; see --help, or use --ad-hoc"
  if [ -z "${NOTARY_PROFILE:-}" ]; then
    if [ -z "${NOTARY_KEY:-}" ] || [ -z "${NOTARY_KEY_ID:-}" ] || [ -z "${NOTARY_ISSUER:-}" ]; then
      fail "NOTARY_PROFILE, or NOTARY_KEY, NOTARY_KEY_ID and NOTARY_ISSUER, must be set; see --help"
    fi
  fi
fi

case "$target" in
  *.app)
    sign_app "$target"
    if $ad_hoc; then exit 0; fi
    upload="${target%.app}.zip"
    step ditto -c -k --sequesterRsrc --keepParent "$target" "$upload"
    notarise "$upload"
    step rm -f "$upload"
    assess=(--type execute)
    ;;
  *.dmg)
    if ! $dry_run && [ ! -f "$target" ]; then fail "$target is not there: make dmg builds it"; fi
    if $ad_hoc; then fail "a disk image is signed with an identity, or not at all"; fi
    step codesign --force --timestamp --sign "$SIGNING_IDENTITY" "$target"
    step codesign --verify --strict --verbose=2 "$target"
    notarise "$target"
    assess=(--type open --context context:primary-signature)
    ;;
  *) fail "$target is neither an .app nor a .dmg" ;;
esac
step xcrun stapler staple "$target"
step xcrun stapler validate "$target"
step spctl --assess --verbose=2 "${assess[@]}" "$target"
