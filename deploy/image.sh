#!/bin/sh
# Make a virtual environment smaller for the image, after slim.sh: the symbols of compiled modules (Linux's strip; never
# of the libraries that auditwheel copied into *.libs, whose layout it has changed), what only a compiler or a type
# checker reads, every package's own tests, and torch's test programs. About 110 MB, with torch 430.
#   deploy/image.sh FOLDER
set -eu
for packages in "$1"/lib/python3.*/site-packages; do
  find "$packages" -type f \( -name '*.pyi' -o -name '*.px[di]' -o -name '*.pyx' -o -name '*.[ch]' -o -name '*.[ch]pp' \) -delete
  find "$packages" -type d -name tests -prune -exec rm -rf {} +
  find "$packages" -type f -name '*.so*' ! -path '*.libs/*' -exec strip --strip-unneeded {} +
  rm -rf "$packages/torch/include" "$packages/torch/test" "$packages/torch/share"
  rm -f "$packages"/onnxruntime/capi/libonnxruntime.so.* # for programs in C; Python's module holds its own
  for unused in "$packages"/torch/bin/*; do
    case $unused in */torch_shm_manager) ;; *) rm -f "$unused" ;; esac
  done
done
