#!/bin/sh
# As the official image's: runs the server as a child.
./qdrant "$@"
