#!/bin/sh
# Install torch for PYTHON: a build for processors alone where its index answers, since the plain one for Linux
# brings gigabytes of CUDA. One try of five seconds, then the usual index.
#   deploy/torch.sh PYTHON torch==VERSION TORCH_CPU INDEX      (TORCH_CPU=0: the usual index at once)
set -eu
python=$1 torch=$2 wanted=$3 index=$4
ask='import sys, urllib.request as ask; ask.urlopen(sys.argv[1] + "/torch/", timeout=5).close()'

set -- install --quiet --no-compile --disable-pip-version-check "$torch"
if [ "$wanted" = 0 ]; then
  echo "$torch from the usual index (TORCH_CPU=0)"
elif "$python" -c "$ask" "$index" 2>/dev/null; then
  echo "$torch for processors alone from $index (about 200 MB to load)"
  set -- "$@" --extra-index-url "$index"
else
  echo "$torch from the usual index, since $index does not answer (on Linux with CUDA: about 3 GB to load)"
fi
exec "$python" -m pip "$@"
