/* A clock that has been set: what a process learns of the time of day is CLOCK_STEP_S seconds off, from the
 * moment CLOCK_STEP_AT of the monotonic clock on. For LD_PRELOAD; the clocks that only go forward are left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static int real_clock(clockid_t which, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    return real(which, now);
}

static time_t step(void)
{
    const char *seconds = getenv("CLOCK_STEP_S"), *at = getenv("CLOCK_STEP_AT");
    struct timespec now;
    if (!seconds || !at || real_clock(CLOCK_MONOTONIC, &now))
        return 0;
    return now.tv_sec + now.tv_nsec / 1e9 < strtod(at, NULL) ? 0 : (time_t)strtoll(seconds, NULL, 10);
}

int clock_gettime(clockid_t which, struct timespec *now)
{
    int failed = real_clock(which, now);
    if (!failed && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        now->tv_sec += step();
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise))
        return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
