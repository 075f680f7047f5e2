/*
 * Loaded into wrk, it has it look again and again for what came, in place of sleeping until something comes.
 *
 * A load that is faster than the server sleeps after each answer, and the server's next answer wakes it: that work of the kernel's is
 * counted as the server's, and the slower of two servers has more of it. A client on another machine is never woken by the server.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/epoll.h>
#include <time.h>

typedef int waits(int, struct epoll_event *, int, int);

static long long milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int epoll_wait(int set, struct epoll_event *events, int most, int timeout) {
  static waits *look;
  if (!look) look = (waits *)dlsym(RTLD_NEXT, "epoll_wait");
  long long until = milliseconds() + timeout;
  for (;;) {
    int found = look(set, events, most, 0);
    if (found != 0 || (timeout >= 0 && milliseconds() >= until)) return found;
  }
}
