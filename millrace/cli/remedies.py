"""What to do about an error of the operating system that nobody foresaw: it says what is wrong, and not what helps."""

from __future__ import annotations

import errno

_REMEDIES = {
    errno.ENOSPC: "make room on that disk, and do it again",
    errno.EDQUOT: "make room within the quota, and do it again",
    errno.EROFS: "it is mounted read-only: mount it to be written, or name another folder with --home",
    errno.EACCES: "do it as the user that the folder belongs to, or give this one the right",
    errno.EPERM: "do it as the user that the folder belongs to, or give this one the right",
    errno.EMFILE: "raise the number of open files (ulimit -n), and do it again",
}


def explained(error: Exception) -> str:
    """Return what an error says, and for one of the operating system what to do about it.

    >>> explained(OSError(errno.ENOSPC, "No space left on device", "shop/log"))
    'shop/log: No space left on device: make room on that disk, and do it again'
    """
    if not isinstance(error, OSError) or error.errno not in _REMEDIES:
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror}: {_REMEDIES[error.errno]}"
