/* Makes every fsync and fdatasync of a process SLOW_FSYNC_MICROS longer, as on an ordinary disk.
 * Built and loaded by slow-fsync.ts through LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void wait_as_a_disk(void) {
  const char *micros = getenv("SLOW_FSYNC_MICROS");
  long wait = micros == NULL ? 0 : atol(micros);
  struct timespec left = {wait / 1000000, (wait % 1000000) * 1000};
  int saved = errno;
  while (nanosleep(&left, &left) == -1 && errno == EINTR) {
  }
  errno = saved;
}

static int slowly(const char *name, int file) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  int result = real(file);
  wait_as_a_disk();
  return result;
}

int fsync(int file) { return slowly("fsync", file); }

int fdatasync(int file) { return slowly("fdatasync", file); }
