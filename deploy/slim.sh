#!/bin/sh
# Remove from a virtual environment what its packages ship and none of them imports: their own tests, C sources they
# were compiled from, headers, and what Arrow has for the network. About 130 MB.
#   deploy/slim.sh FOLDER
set -eu
for packages in "$1"/lib/python3.*/site-packages; do
  for package in numpy pandas scipy sklearn matplotlib pyarrow; do
    find "$packages/$package" -type d -name tests -prune -exec rm -rf {} +
  done
  rm -rf "$packages/talib/_ta_lib.c" "$packages/pyarrow/include" "$packages"/pyarrow/*_flight.* "$packages"/pyarrow/*_s3*.so*
done
