#!/bin/sh
# Bundles GraphiQL into schema/graphiql, so that the service shows it without any other network.
# Run it after changing package.json or src/, and commit the result. Needs node and npm.
set -eu
cd "$(dirname "$0")"
out=../../schema/graphiql

# The lock file names no registry: npm asks the one that this machine is configured for, and checks the hashes.
npm ci --omit-lockfile-registry-resolved --no-audit --no-fund

rm -rf "$out"
mkdir -p "$out"
npx esbuild src/index.jsx --bundle --minify --target=es2020 --legal-comments=none \
  --define:process.env.NODE_ENV='"production"' --outfile="$out/graphiql.js"
cp src/index.html "$out/index.html"
node licences.mjs > "$out/LICENSES.txt"
ls -l "$out"
