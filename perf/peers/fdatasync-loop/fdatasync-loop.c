// fdatasync-loop DIRECTORY SECONDS [BYTES [DELAY_MS]]: what this disk does. Fills a file with zeros, syncs it, then
// writes BYTES (4096) over it and calls fdatasync, in turn, for SECONDS. With a delay, it sleeps that long before each
// fdatasync. Prints the number of syncs per second, and p50, p99 and p99.9 of a write and its sync in microseconds.
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { FILE_SIZE = 64 << 20, BLOCK = 1 << 20, MOST = 1 << 22 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static _Noreturn void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int count, char **args) {
  if (count < 3) {
    fprintf(stderr, "usage: fdatasync-loop DIRECTORY SECONDS [BYTES [DELAY_MS]]\n");
    return 2;
  }
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/fdatasync-loop.XXXXXX", args[1]);
  double seconds = atof(args[2]);
  size_t size = count > 3 ? (size_t)atol(args[3]) : 4096;
  double delay = count > 4 ? atof(args[4]) / 1e3 : 0;
  if (size < 1 || size > BLOCK) {
    fprintf(stderr, "BYTES is from 1 to %d\n", BLOCK);
    return 2;
  }
  int file = mkstemp(path);
  if (file < 0) fail(path);
  unlink(path);
  static char block[BLOCK];
  for (off_t at = 0; at < FILE_SIZE; at += BLOCK)
    if (pwrite(file, block, BLOCK, at) != BLOCK) fail("pwrite");
  if (fsync(file) != 0) fail("fsync");
  for (size_t i = 0; i < size; i++) block[i] = (char)('a' + i % 26);

  float *took = malloc(MOST * sizeof *took);
  if (!took) fail("malloc");
  struct timespec pause = { .tv_sec = (time_t)delay, .tv_nsec = (long)((delay - (double)(time_t)delay) * 1e9) };
  int syncs = 0;
  off_t at = 0;
  double start = now(), end = start + seconds, before = start, after = start;
  for (; before < end && syncs < MOST; before = after) {
    if (pwrite(file, block, size, at) != (ssize_t)size) fail("pwrite");
    if (delay > 0) nanosleep(&pause, NULL);
    if (fdatasync(file) != 0) fail("fdatasync");
    after = now();
    took[syncs++] = (float)(after - before);
    at = at + 2 * (off_t)size <= FILE_SIZE ? at + (off_t)size : 0;
  }
  qsort(took, (size_t)syncs, sizeof *took, compare);
  printf("%.1f %.1f %.1f %.1f\n", syncs / (after - start), took[syncs / 2] * 1e6, took[(int)(syncs * 0.99)] * 1e6,
    took[(int)(syncs * 0.999)] * 1e6);
  return 0;
}
