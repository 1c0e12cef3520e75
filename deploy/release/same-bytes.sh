# Sourced by what makes the files of a release, in the checkout: the same files for each user, folder, language and machine.
umask 022
export LC_ALL=C TZ=UTC
# Without a commit, as in an unpacked archive, the time is that of package.json. A git that refuses is no such case.
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
  if [ -e .git ]; then SOURCE_DATE_EPOCH=$(git log -1 --format=%ct); else SOURCE_DATE_EPOCH=$(stat -c %Y package.json); fi
fi
export SOURCE_DATE_EPOCH

# What a checkout was laid out with is left behind: its umask, and times before that of the commit, which packers keep.
level() {
  chmod -R u=rwX,go=rX "$1"
  find "$1" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
}
