/*
 * Records what a process does to the files of one folder, in the order in which it happened, so that the folder can be
 * rebuilt as a loss of power at any point would have left it. Preloaded (LD_PRELOAD) into the process that is to lose
 * its power. The environment says how:
 *
 *   DISK_LOG     the file that the records are appended to
 *   DISK_FOLDER  the folder whose files are recorded: an absolute path without a link in it, and without a slash behind
 *   DISK_CUT     after so many records the process is killed, before it does the next thing (default: never)
 *   DISK_SYNC    "ignored": what is to wait for the disk answers at once, does nothing and is not recorded
 *
 * A record: kind, length of the path, length of the data (3 x 32 bits), offset or size (64 bits), path, data, as this
 * machine lays them out. Writes and changes of names are recorded before they are done, so that none is missing;
 * a wait for the disk after it is done, so that none is claimed. One lock makes the order that of the records.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { CREATE = 1, WRITE = 2, RESIZE = 3, SYNC = 4, SYNC_FOLDER = 5, RENAME = 6, UNLINK = 7 };

#define MOST_FILES 65536
#define LONGEST 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *names[MOST_FILES];
static char appends[MOST_FILES];
static struct { dev_t disk; ino_t number; } files[MOST_FILES];
static char folder[LONGEST];
static size_t folder_length;
static int log_file = -1;
static long cut_after = -1;
static long records;
static int syncs_ignored;

/* Another library's start may open files before this one's. */
static void begin(void) {
  static int begun;
  if (begun) return;
  begun = 1;
  const char *path = getenv("DISK_LOG"), *where = getenv("DISK_FOLDER"), *cut = getenv("DISK_CUT");
  const char *sync = getenv("DISK_SYNC");
  if (!path || !where || strlen(where) >= LONGEST) return;
  strcpy(folder, where);
  folder_length = strlen(folder);
  if (cut) cut_after = atol(cut);
  syncs_ignored = sync && strcmp(sync, "ignored") == 0;
  int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  log_file = real_open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

__attribute__((constructor)) static void at_start(void) { begin(); }

static int ends_with(const char *text, const char *end) {
  size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* The name within the folder, or NULL. "" is the folder. What SQLite shares between processes does not outlive them. */
static const char *inside(const char *path, char *full) {
  begin();
  if (log_file < 0 || !path) return NULL;
  if (path[0] == '/') {
    if (strlen(path) >= LONGEST) return NULL;
    strcpy(full, path);
  } else {
    if (!getcwd(full, LONGEST) || strlen(full) + strlen(path) + 2 >= LONGEST) return NULL;
    strcat(full, "/");
    strcat(full, path);
  }
  if (strncmp(full, folder, folder_length) != 0) return NULL;
  if (full[folder_length] == 0) return full + folder_length;
  if (full[folder_length] != '/' || ends_with(full, "-shm")) return NULL;
  return full + folder_length + 1;
}

static void put(const void *bytes, size_t length) {
  ssize_t (*real_write)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
  const char *from = bytes;
  while (length > 0) {
    ssize_t written = real_write(log_file, from, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) abort();
    from += written;
    length -= (size_t)written;
  }
}

/* With the lock held. */
static void record(enum kind kind, const char *path, int64_t at, const void *data, size_t length) {
  if (cut_after >= 0 && records >= cut_after) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
  records += 1;
  uint32_t head[3] = {(uint32_t)kind, (uint32_t)strlen(path), (uint32_t)length};
  char start[sizeof head + sizeof at + LONGEST];
  memcpy(start, head, sizeof head);
  memcpy(start + sizeof head, &at, sizeof at);
  memcpy(start + sizeof head + sizeof at, path, head[1]);
  put(start, sizeof head + sizeof at + head[1]);
  put(data, length);
}

/* The number may be another file's by now: not everybody closes through the library. */
static const char *name_of(int file) {
  struct stat now;
  if (file < 0 || file >= MOST_FILES || !names[file] || fstat(file, &now) != 0) return NULL;
  return now.st_dev == files[file].disk && now.st_ino == files[file].number ? names[file] : NULL;
}

/* With the lock held. */
static void remember(int file, const char *name, int flags) {
  if (file < 0 || file >= MOST_FILES) return;
  free(names[file]);
  names[file] = name ? strdup(name) : NULL;
  appends[file] = (flags & O_APPEND) != 0;
  struct stat now;
  if (!name || fstat(file, &now) != 0) return;
  files[file].disk = now.st_dev;
  files[file].number = now.st_ino;
}

/* An exclusive opening of a file that is there fails, so it cuts nothing off, whatever O_TRUNC beside it says. */
static int opened(const char *symbol, int folder_file, const char *path, int flags, mode_t mode) {
  char full[LONGEST];
  int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, symbol);
  const char *name = folder_file == AT_FDCWD || (path && path[0] == '/') ? inside(path, full) : NULL;
  int (*real_access)(const char *, int) = dlsym(RTLD_NEXT, "access");
  pthread_mutex_lock(&lock);
  if (name && *name && (flags & O_CREAT) && real_access(full, F_OK) != 0) record(CREATE, name, 0, NULL, 0);
  else if (name && *name && (flags & O_TRUNC) && !(flags & O_EXCL)) record(RESIZE, name, 0, NULL, 0);
  int file = real(folder_file, path, flags, mode);
  int why = errno;
  if (file >= 0) remember(file, name, flags);
  pthread_mutex_unlock(&lock);
  errno = why;
  return file;
}

#define MODE                                                                                                           \
  mode_t mode = 0;                                                                                                     \
  if (flags & (O_CREAT | O_TMPFILE)) {                                                                                 \
    va_list rest;                                                                                                      \
    va_start(rest, flags);                                                                                             \
    mode = va_arg(rest, mode_t);                                                                                       \
    va_end(rest);                                                                                                      \
  }

int open(const char *path, int flags, ...) { MODE return opened("openat", AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened("openat64", AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE return opened("openat", at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE return opened("openat64", at, path, flags, mode); }
int creat(const char *path, mode_t mode) {
  return opened("openat", AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int close(int file) {
  int (*real)(int) = dlsym(RTLD_NEXT, "close");
  if (!name_of(file)) return real(file);
  pthread_mutex_lock(&lock);
  remember(file, NULL, 0);
  int result = real(file);
  pthread_mutex_unlock(&lock);
  return result;
}

static ssize_t written_at(int file, const void *data, size_t length, int64_t at) {
  ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");
  if (!name_of(file)) return real(file, data, length, at);
  pthread_mutex_lock(&lock);
  record(WRITE, name_of(file), at, data, length);
  ssize_t result = real(file, data, length, at);
  int why = errno;
  pthread_mutex_unlock(&lock);
  errno = why;
  return result;
}

ssize_t pwrite(int file, const void *data, size_t length, off_t at) { return written_at(file, data, length, at); }
ssize_t pwrite64(int file, const void *data, size_t length, off64_t at) { return written_at(file, data, length, at); }

static int64_t place_of(int file) { return lseek(file, 0, appends[file] ? SEEK_END : SEEK_CUR); }

ssize_t write(int file, const void *data, size_t length) {
  ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
  if (!name_of(file)) return real(file, data, length);
  pthread_mutex_lock(&lock);
  record(WRITE, name_of(file), place_of(file), data, length);
  ssize_t result = real(file, data, length);
  int why = errno;
  pthread_mutex_unlock(&lock);
  errno = why;
  return result;
}

/* In pieces: a caller of these has to reckon with short writes. */
ssize_t writev(int file, const struct iovec *parts, int count) {
  ssize_t (*real)(int, const struct iovec *, int) = dlsym(RTLD_NEXT, "writev");
  if (!name_of(file)) return real(file, parts, count);
  for (int n = 0; n < count; n++)
    if (parts[n].iov_len > 0) return write(file, parts[n].iov_base, parts[n].iov_len);
  return 0;
}
static ssize_t pieces_at(int file, const struct iovec *parts, int count, int64_t at) {
  ssize_t (*real)(int, const struct iovec *, int, off_t) = dlsym(RTLD_NEXT, "pwritev");
  if (!name_of(file)) return real(file, parts, count, at);
  for (int n = 0; n < count; n++)
    if (parts[n].iov_len > 0) return written_at(file, parts[n].iov_base, parts[n].iov_len, at);
  return 0;
}
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) { return pieces_at(file, parts, count, at); }
ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t at) {
  return pieces_at(file, parts, count, at);
}

/* Copies within the kernel: nobody has to support them. */
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *there, size_t length, unsigned flags) {
  ssize_t (*real)(int, off64_t *, int, off64_t *, size_t, unsigned) = dlsym(RTLD_NEXT, "copy_file_range");
  if (!name_of(to)) return real(from, at, to, there, length, flags);
  errno = ENOSYS;
  return -1;
}
int fallocate(int file, int mode, off_t at, off_t length) {
  int (*real)(int, int, off_t, off_t) = dlsym(RTLD_NEXT, "fallocate");
  if (!name_of(file)) return real(file, mode, at, length);
  errno = EOPNOTSUPP;
  return -1;
}
int posix_fallocate(int file, off_t at, off_t length) {
  int (*real)(int, off_t, off_t) = dlsym(RTLD_NEXT, "posix_fallocate");
  return name_of(file) ? EOPNOTSUPP : real(file, at, length);
}

static int resized(int file, int64_t size) {
  int (*real)(int, off_t) = dlsym(RTLD_NEXT, "ftruncate");
  if (!name_of(file)) return real(file, size);
  pthread_mutex_lock(&lock);
  record(RESIZE, name_of(file), size, NULL, 0);
  int result = real(file, size);
  int why = errno;
  pthread_mutex_unlock(&lock);
  errno = why;
  return result;
}
int ftruncate(int file, off_t size) { return resized(file, size); }
int ftruncate64(int file, off64_t size) { return resized(file, size); }

/*
 * The disk has what was written before the wait began; what is written during it may be on the disk or not. So the
 * record says how many records there were when it began.
 */
static int synced(const char *symbol, int file) {
  int (*real)(int) = dlsym(RTLD_NEXT, symbol);
  const char *name = name_of(file);
  if (!name) return real(file);
  if (syncs_ignored) return 0;
  pthread_mutex_lock(&lock);
  int64_t before = records;
  char own[LONGEST];
  strcpy(own, name);
  pthread_mutex_unlock(&lock);
  int result = real(file);
  if (result != 0) return result;
  pthread_mutex_lock(&lock);
  record(*own ? SYNC : SYNC_FOLDER, own, before, NULL, 0);
  pthread_mutex_unlock(&lock);
  return 0;
}
int fsync(int file) { return synced("fsync", file); }
int fdatasync(int file) { return synced("fdatasync", file); }

static void renamed(const char *from, const char *to) {
  for (int file = 0; file < MOST_FILES; file++)
    if (names[file] && strcmp(names[file], from) == 0) {
      free(names[file]);
      names[file] = strdup(to);
    }
}

int rename(const char *from, const char *to) {
  int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
  char full[LONGEST], other[LONGEST];
  const char *name = inside(from, full), *next = inside(to, other);
  if (!name || !next) return real(from, to);
  pthread_mutex_lock(&lock);
  record(RENAME, name, 0, next, strlen(next));
  int result = real(from, to);
  int why = errno;
  if (result == 0) renamed(name, next);
  pthread_mutex_unlock(&lock);
  errno = why;
  return result;
}

static void forget(const char *name) {
  for (int file = 0; file < MOST_FILES; file++)
    if (names[file] && strcmp(names[file], name) == 0) remember(file, NULL, 0);
}

static int removed(const char *path, int (*run)(const char *)) {
  char full[LONGEST];
  const char *name = inside(path, full);
  int (*real_access)(const char *, int) = dlsym(RTLD_NEXT, "access");
  if (!name) return run(path);
  pthread_mutex_lock(&lock);
  if (real_access(path, F_OK) == 0) record(UNLINK, name, 0, NULL, 0);
  int result = run(path);
  int why = errno;
  /* What is written to a file without a name is lost anyway. */
  if (result == 0) forget(name);
  pthread_mutex_unlock(&lock);
  errno = why;
  return result;
}
int unlink(const char *path) { return removed(path, dlsym(RTLD_NEXT, "unlink")); }
int unlinkat(int at, const char *path, int flags) {
  int (*real)(int, const char *, int) = dlsym(RTLD_NEXT, "unlinkat");
  char link[64], parent[LONGEST], full[2 * LONGEST];
  if (flags & AT_REMOVEDIR) return real(at, path, flags);
  if (at == AT_FDCWD || path[0] == '/') return unlink(path);
  snprintf(link, sizeof link, "/proc/self/fd/%d", at);
  ssize_t length = readlink(link, parent, sizeof parent - 1);
  if (length < 0) return real(at, path, flags);
  snprintf(full, sizeof full, "%.*s/%s", (int)length, parent, path);
  return unlink(full);
}
int remove(const char *path) { return removed(path, dlsym(RTLD_NEXT, "remove")); }
