/* clock.c - see tracer/clock.h. Civil dates by Howard Hinnant's days_from_civil arithmetic (public domain).
 */
#include "tracer/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

uint64_t clock_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ms(void)
{
    return clock_monotonic_ns() / 1000000u;
}

uint64_t clock_unix_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec;
}

void clock_sleep_ms(uint32_t milliseconds)
{
    struct timespec wait = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
    nanosleep(&wait, NULL);
}

void clock_format_utc(uint64_t unix_s, char to[static 32])
{
    uint64_t day = unix_s / 86400, second = unix_s % 86400;
    if (unix_s > UINT64_C(253402300799)) { /* after the year 9999 */
        snprintf(to, 32, "@%" PRIu64, unix_s);
        return;
    }
    uint64_t z = day + 719468, era = z / 146097, doe = z % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    uint64_t d = doy - (153 * mp + 2) / 5 + 1, m = mp < 10 ? mp + 3 : mp - 9;
    uint64_t y = yoe + era * 400 + (m <= 2);
    snprintf(to, 32, "%04u-%02u-%02u %02u:%02u:%02u", (unsigned)y % 10000, (unsigned)m % 100,
             (unsigned)d % 100, (unsigned)(second / 3600) % 100, (unsigned)(second / 60 % 60),
             (unsigned)(second % 60));
}

/* Two or four digits. */
static bool digits(const char *text, size_t count, unsigned *ret_value)
{
    unsigned value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *ret_value = value;
    return true;
}

bool clock_parse_utc(const char *text, size_t length, uint64_t *ret_unix_s)
{
    static const unsigned char month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned y, m, d, hour = 0, minute = 0, second = 0;
    if (length != 10 && length != 19 && length != 20)
        return false;
    if (!digits(text, 4, &y) || text[4] != '-' || !digits(text + 5, 2, &m) || text[7] != '-' ||
        !digits(text + 8, 2, &d))
        return false;
    if (length > 10) {
        bool iso = text[10] == 'T' && length == 20 && text[19] == 'Z',
             plain = text[10] == ' ' && length == 19;
        if ((!iso && !plain) || !digits(text + 11, 2, &hour) || text[13] != ':' ||
            !digits(text + 14, 2, &minute) || text[16] != ':' || !digits(text + 17, 2, &second))
            return false;
    }
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (y < 1970 || m < 1 || m > 12 || d < 1 || d > month_days[m - 1] + (m == 2 && leap ? 1u : 0u) ||
        hour > 23 || minute > 59 || second > 59)
        return false;
    uint64_t year = y - (m <= 2), era = year / 400, yoe = year % 400;
    uint64_t doy = (153 * (uint64_t)(m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    uint64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    *ret_unix_s = (era * 146097 + doe - 719468) * 86400 + hour * 3600 + minute * 60 + second;
    return true;
}
