/*
 * Preloaded into wrk, it polls for events instead of sleeping until one arrives.
 *
 * A load that is faster than the server sleeps after each response, and the server's next response wakes it: that kernel work is charged to
 * the server, and to the slower of two servers more of it. A client on another machine is never woken by the server.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/epoll.h>
#include <time.h>

typedef int wait_function(int, struct epoll_event *, int, int);

static long long milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int epoll_wait(int set, struct epoll_event *events, int most, int timeout) {
  static wait_function *poll_events;
  if (!poll_events) poll_events = (wait_function *)dlsym(RTLD_NEXT, "epoll_wait");
  long long until = milliseconds() + timeout;
  for (;;) {
    int found = poll_events(set, events, most, 0);
    if (found != 0 || (timeout >= 0 && milliseconds() >= until)) return found;
  }
}
