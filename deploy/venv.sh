#!/bin/sh
# Make the virtual environment FOLDER with a usable Python, unless it has one; one with another Python is made anew.
#   deploy/venv.sh FOLDER newest|oldest [PYTHON]
# `oldest` is what the tests prefer: what only a newer Python has is noticed there. Nothing is downloaded here.
set -eu
folder=$1 order=$2 asked=${3:-}
usable='import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

if "$folder/bin/python" -c "import pip; $usable" 2>/dev/null; then exit 0; fi

case $order in
  oldest) versions='3.11 3.12 3.13' ;;
  *) versions='3.13 3.12 3.11' ;;
esac

candidates() {
  if [ -n "$asked" ]; then echo "$asked"; return; fi
  for version in $versions; do
    echo "python$version"
    for kept in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python "/opt/homebrew/bin/python$version"; do
      [ -x "$kept" ] && echo "$kept"
    done
  done
  echo python3
  echo python
}

python=$(candidates | while read -r one; do
  if "$one" -c "$usable" 2>/dev/null; then echo "$one"; break; fi
done)

if [ -z "$python" ]; then
  there=$(${asked:-python3} --version 2>&1) || there="no ${asked:-python3}"
  cat >&2 <<TEXT
No Python 3.11, 3.12 or 3.13 was found (with venv and ensurepip); there is: $there. Nothing was downloaded.
Install one, then give the same command again:
  Debian, Ubuntu   sudo apt install python3 python3-venv     (where that is older: uv python install 3.13)
  Fedora           sudo dnf install python3.13
  macOS            brew install python@3.13
  elsewhere        https://www.python.org/downloads
One in an unusual place is named by PYTHON: make run PYTHON=/path/to/python3.13
TEXT
  exit 1
fi

if [ -e "$folder" ] || [ -L "$folder" ]; then
  echo "$folder has no usable Python: it is made anew"
  rm -rf "$folder"
fi
echo "$folder: $("$python" --version) ($python)"
"$python" -m venv "$folder"
