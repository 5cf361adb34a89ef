#!/bin/sh
# Remove from a virtual environment what its packages ship and none of them imports: their own tests, sources they were
# compiled from, headers, second copies of one library, what Arrow has for the network, Bokeh's scripts in their long
# form. About 150 MB.
#   deploy/slim.sh FOLDER
set -eu
for packages in "$1"/lib/python3.*/site-packages; do
  for package in numpy pandas scipy sklearn matplotlib pyarrow; do
    find "$packages/$package" -type d -name tests -prune -exec rm -rf {} +
    find "$packages/$package" -type f \( -name '*.pyx' -o -name '*.px[di]' -o -name '*.[ch]' \) -delete
  done
  rm -rf "$packages/talib/_ta_lib.c" "$packages/pyarrow/include" "$packages"/pyarrow/*_flight.* "$packages"/pyarrow/*_s3*.so*
  rm -f "$packages"/pyarrow/libarrow_python*.so "$packages"/pyarrow/libarrow_python*.so.*.*.*
  find "$packages/bokeh/server/static/js" -maxdepth 1 -type f ! -name '*.min.js' -delete
done
