/* The system clock, moved by MONTH_CLOCK_S seconds: loaded before the C library, so that a daemon of a test lives on
   another day. Clocks that measure spans are left alone. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    const char *by = getenv("MONTH_CLOCK_S");
    if (failed == 0 && clock == CLOCK_REALTIME && by != NULL)
        now->tv_sec += atoll(by);
    return failed;
}
