/* What does an emulated link do to datagrams? The same as relay.py, in C, so that 20 MB/s cost a few percent of a core.

   relay run SEED tun|udp FD FD [FD FD ...]    relays between the two descriptors of each pair, all through one link
   relay replay SEED                           relays nothing: says when each datagram of a list would arrive

   relay.py explains the words on standard input and output. Losses, bursts, jitter, reordering and the queue are those
   of gamesockets.bad_network.Link, draw by draw, so that both relays do the same to the same datagrams.
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 65536 /* datagrams on their way in one direction */
#define SLOT_BYTES 2048
#define BATCH 64      /* datagrams taken from one end before the other has its turn */
#define TICK_US 200   /* how long it sleeps while anything is on its way */
#define IDLE_US 20000 /* the same while nothing is */
#define SAMPLE_US 20000
#define LATE_US 2000
#define PAIRS_MAX 64
#define VIRTIO_HEADER_BYTES 10 /* in front of each packet of a TUN device */
#define IP_UDP_HEADER_BYTES 28 /* do not count, as in the simulator */
#define PS_PER_US 1000000LL
#define PS_PER_S 1000000000000LL
#define SMALLEST_DRAW 1e-6
#define DROPPED (-1)
#define LONG_AGO (INT64_MIN / 2)

typedef struct {
    int64_t rate, queue_us, queue_bytes, latency_us;
    double jitter_average_us;
    int64_t jitter_maximum_us;
    double jitter_probability;
    int jitter_reorders;
    double loss, burst_start, burst_end, burst_loss, reorder;
    int64_t reorder_delay_us;
} Conditions;

typedef struct {
    int64_t due;
    uint64_t sequence;
    int slot, pair;
} Waiting;

typedef struct {
    Conditions conditions;
    uint64_t random;
    int64_t rate; /* of the queue: the conditions' from the next datagram on */
    int64_t free_at_ps, jitter_memory;
    int is_in_burst;
    uint64_t sequence;
    Waiting *heap;
    int waiting;
    int *free_slots, free_count;
    unsigned char *memory;
    int *sizes;
    int64_t entered, lost, dropped, delivered, delivered_bytes, overflowed, refused, late, latest_us;
} Link;

typedef struct {
    int fd[2];
    int is_connected;
} Pair;

static Link links[2];
static Pair pairs[PAIRS_MAX];
static int pair_count, is_tun;

static int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* SplitMix64 (Steele, Lea, Flood 2014), as a double in [0, 1) */
static double draw(Link *link) {
    uint64_t z = (link->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1.0p-53;
}

static int64_t wait_us(const Link *link, int64_t now) {
    int64_t ps = link->free_at_ps - now * PS_PER_US;
    return ps > 0 ? ps / PS_PER_US : 0;
}

static int64_t through_bottleneck(Link *link, int64_t size, int64_t now) {
    const Conditions *c = &link->conditions;
    int64_t now_ps = now * PS_PER_US;
    if (link->rate != c->rate) { /* what waits in the queue leaves at the new rate */
        if (link->rate && link->free_at_ps > now_ps)
            link->free_at_ps = now_ps + (int64_t)((__int128)(link->free_at_ps - now_ps) * link->rate / c->rate);
        link->rate = c->rate;
    }
    int64_t free_at = link->free_at_ps > now_ps ? link->free_at_ps : now_ps;
    int64_t wait = (free_at - now_ps) / PS_PER_US;
    if (c->queue_bytes) {
        if (wait && (int64_t)((__int128)(free_at - now_ps) * c->rate / PS_PER_S) + size > c->queue_bytes)
            return DROPPED;
    } else if (wait > c->queue_us) {
        return DROPPED;
    }
    link->free_at_ps = free_at + size * PS_PER_S / c->rate;
    return link->free_at_ps / PS_PER_US;
}

static int is_lost_in_burst(Link *link) {
    const Conditions *c = &link->conditions;
    link->is_in_burst = link->is_in_burst ? draw(link) >= c->burst_end : draw(link) < c->burst_start;
    return link->is_in_burst && draw(link) < c->burst_loss;
}

static int64_t jittered(Link *link, int64_t due) {
    const Conditions *c = &link->conditions;
    int64_t delay = 0;
    if (c->jitter_average_us > 0 && c->jitter_maximum_us && draw(link) < c->jitter_probability) {
        double drawn = SMALLEST_DRAW + (1.0 - SMALLEST_DRAW) * draw(link);
        delay = (int64_t)(-log(drawn) * c->jitter_average_us);
        if (delay > c->jitter_maximum_us)
            delay = c->jitter_maximum_us;
    }
    if (c->jitter_reorders)
        return due + delay;
    int64_t arrival = due + delay;
    if (arrival < link->jitter_memory + 1)
        arrival = link->jitter_memory + 1;
    link->jitter_memory = arrival > due ? arrival : LONG_AGO;
    return arrival;
}

/* When a datagram that enters now arrives; DROPPED if it never does. */
static int64_t arrives_at(Link *link, int64_t size, int64_t now) {
    const Conditions *c = &link->conditions;
    int64_t leaves_at = now;
    link->entered++;
    if (c->rate && (leaves_at = through_bottleneck(link, size, now)) == DROPPED) {
        link->dropped++;
        return DROPPED;
    }
    if ((c->loss > 0 && draw(link) < c->loss) || (c->burst_start > 0 && is_lost_in_burst(link))) {
        link->lost++;
        return DROPPED;
    }
    int64_t due = jittered(link, leaves_at + c->latency_us);
    if (c->reorder > 0 && draw(link) < c->reorder)
        due += c->reorder_delay_us;
    return due;
}

static int is_before(const Waiting *a, const Waiting *b) {
    return a->due != b->due ? a->due < b->due : a->sequence < b->sequence;
}

static void push(Link *link, Waiting item) {
    int at = link->waiting++;
    while (at && is_before(&item, &link->heap[(at - 1) / 2])) {
        link->heap[at] = link->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    link->heap[at] = item;
}

static Waiting pop(Link *link) {
    Waiting first = link->heap[0], last = link->heap[--link->waiting];
    int at = 0, child;
    while ((child = 2 * at + 1) < link->waiting) {
        if (child + 1 < link->waiting && is_before(&link->heap[child + 1], &link->heap[child]))
            child++;
        if (!is_before(&link->heap[child], &last))
            break;
        link->heap[at] = link->heap[child];
        at = child;
    }
    link->heap[at] = last;
    return first;
}

/* Takes what has arrived at one end of a pair, one batch. */
static void take(Link *link, int pair, int side) {
    int fd = pairs[pair].fd[side];
    for (int i = 0; i < BATCH; i++) {
        unsigned char spare[SLOT_BYTES];
        int slot = link->free_count ? link->free_slots[link->free_count - 1] : -1;
        unsigned char *place = slot < 0 ? spare : link->memory + (size_t)slot * SLOT_BYTES;
        ssize_t size;
        if (side == 0 && !is_tun && !pairs[pair].is_connected) {
            struct sockaddr_storage address;
            socklen_t length = sizeof address;
            size = recvfrom(fd, place, SLOT_BYTES, 0, (struct sockaddr *)&address, &length);
            if (size >= 0 && connect(fd, (struct sockaddr *)&address, length) == 0)
                pairs[pair].is_connected = 1;
        } else {
            size = read(fd, place, SLOT_BYTES);
        }
        if (size < 0)
            return;
        if (is_tun && (size <= VIRTIO_HEADER_BYTES || place[VIRTIO_HEADER_BYTES] >> 4 != 4))
            continue; /* the kernel's own IPv6 neighbour talk */
        int64_t counted = is_tun ? size - VIRTIO_HEADER_BYTES - IP_UDP_HEADER_BYTES : size;
        if (slot < 0) {
            link->overflowed++;
            continue;
        }
        int64_t due = arrives_at(link, counted, now_us());
        if (due == DROPPED)
            continue;
        link->free_count--;
        link->sizes[slot] = (int)size;
        push(link, (Waiting){due, link->sequence++, slot, pair});
    }
}

/* Gives what is due to the other end. */
static void give(Link *link, int side) {
    int64_t now = now_us();
    while (link->waiting && link->heap[0].due <= now) {
        Waiting item = pop(link);
        int64_t late = now - item.due;
        if (late > LATE_US)
            link->late++;
        if (late > link->latest_us)
            link->latest_us = late;
        if (write(pairs[item.pair].fd[!side], link->memory + (size_t)item.slot * SLOT_BYTES,
                  (size_t)link->sizes[item.slot]) < 0) {
            link->refused++;
        } else {
            link->delivered++;
            link->delivered_bytes += link->sizes[item.slot];
        }
        link->free_slots[link->free_count++] = item.slot;
    }
}

static void sample(int64_t now) {
    printf("sample %lld", (long long)now);
    for (int side = 0; side < 2; side++) {
        const Link *link = &links[side];
        printf(" %lld %lld %lld %lld %lld", (long long)wait_us(link, now), (long long)link->entered,
               (long long)link->lost, (long long)link->dropped, (long long)link->delivered_bytes);
    }
    putchar('\n');
    fflush(stdout);
}

static int understand(const char *line) {
    Conditions c;
    int side;
    long long rate, queue_us, queue_bytes, latency_us, jitter_maximum_us, reorder_delay_us;
    int count = sscanf(line, "set %d %lld %lld %lld %lld %lf %lld %lf %d %lf %lf %lf %lf %lf %lld", &side, &rate,
                       &queue_us, &queue_bytes, &latency_us, &c.jitter_average_us, &jitter_maximum_us,
                       &c.jitter_probability, &c.jitter_reorders, &c.loss, &c.burst_start, &c.burst_end,
                       &c.burst_loss, &c.reorder, &reorder_delay_us);
    if (count != 15 || side < 0 || side > 1 || rate < 0)
        return 0;
    c.jitter_average_us *= 1e6; /* the word is in seconds */
    c.rate = rate, c.queue_us = queue_us, c.queue_bytes = queue_bytes, c.latency_us = latency_us;
    c.jitter_maximum_us = jitter_maximum_us, c.reorder_delay_us = reorder_delay_us;
    links[side].conditions = c;
    return 1;
}

/* Reads whole lines that have come; 0 at the end of standard input. */
static int listen_to_words(void) {
    static char text[65536];
    static size_t used;
    ssize_t size = read(0, text + used, sizeof text - used - 1);
    if (size <= 0)
        return size < 0 && errno == EAGAIN;
    used += (size_t)size;
    text[used] = 0;
    char *line = text, *end;
    while ((end = strchr(line, '\n'))) {
        *end = 0;
        if (!understand(line))
            fprintf(stderr, "relay: not understood: %s\n", line);
        line = end + 1;
    }
    used -= (size_t)(line - text);
    memmove(text, line, used + 1);
    return 1;
}

static void prepare(uint64_t seed) {
    for (int side = 0; side < 2; side++) {
        Link *link = &links[side];
        link->random = seed + (uint64_t)side;
        link->jitter_memory = LONG_AGO;
        link->heap = malloc(SLOTS * sizeof *link->heap);
        link->free_slots = malloc(SLOTS * sizeof *link->free_slots);
        link->sizes = malloc(SLOTS * sizeof *link->sizes);
        link->memory = malloc((size_t)SLOTS * SLOT_BYTES);
        if (!link->heap || !link->free_slots || !link->sizes || !link->memory) {
            fprintf(stderr, "relay: no memory\n");
            exit(1);
        }
        for (int i = 0; i < SLOTS; i++)
            link->free_slots[link->free_count++] = SLOTS - 1 - i;
    }
}

static int is_punctual(void) {
    struct sched_param parameter = {.sched_priority = 1};
    prctl(PR_SET_TIMERSLACK, 1);
    return sched_setscheduler(0, SCHED_FIFO, &parameter) == 0;
}

static int run(void) {
    struct pollfd polled[2 * PAIRS_MAX + 1];
    polled[0] = (struct pollfd){.fd = 0, .events = POLLIN};
    for (int i = 0; i < 2 * pair_count; i++)
        polled[i + 1] = (struct pollfd){.fd = pairs[i / 2].fd[i % 2], .events = POLLIN};
    for (int i = 0; i <= 2 * pair_count; i++)
        fcntl(polled[i].fd, F_SETFL, fcntl(polled[i].fd, F_GETFL) | O_NONBLOCK);
    int realtime = is_punctual();
    struct timespec cpu_before, cpu_after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_before);
    int64_t begun = now_us(), next_sample = begun;
    for (;;) {
        int is_busy = links[0].waiting || links[1].waiting;
        int found;
        if (is_busy) {
            struct timespec tick = {.tv_nsec = TICK_US * 1000};
            clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, NULL);
            found = poll(polled, (nfds_t)(2 * pair_count + 1), 0);
        } else {
            found = poll(polled, (nfds_t)(2 * pair_count + 1), IDLE_US / 1000);
        }
        if (found < 0 && errno != EINTR)
            return 1;
        give(&links[0], 0);
        give(&links[1], 1);
        /* words first: what they say holds for all that was sent after them */
        if (found > 0 && polled[0].revents && !listen_to_words())
            break;
        for (int i = 0; found > 0 && i < 2 * pair_count; i++)
            if (polled[i + 1].revents)
                take(&links[i % 2], i / 2, i % 2);
        int64_t now = now_us();
        if (now >= next_sample) {
            sample(now);
            next_sample = now + SAMPLE_US;
        }
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_after);
    int64_t cpu_us = (cpu_after.tv_sec - cpu_before.tv_sec) * 1000000LL + (cpu_after.tv_nsec - cpu_before.tv_nsec) / 1000;
    Link *up = &links[0], *down = &links[1];
    printf("end %lld %lld %d %lld %lld %lld %lld %lld %lld\n", (long long)cpu_us, (long long)(now_us() - begun),
           realtime, (long long)(up->delivered + down->delivered), (long long)(up->lost + down->lost),
           (long long)(up->overflowed + down->overflowed), (long long)(up->refused + down->refused),
           (long long)(up->late + down->late), (long long)(up->latest_us > down->latest_us ? up->latest_us : down->latest_us));
    fflush(stdout);
    return 0;
}

static int replay(void) {
    char line[4096];
    long long time = 0, size;
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%lld %lld", &time, &size) == 2)
            printf("%lld\n", (long long)arrives_at(&links[0], size, time));
        else if (!understand(line))
            return 1;
    }
    return 0;
}

int main(int count, char **words) {
    if (count >= 3 && !strcmp(words[1], "replay")) {
        prepare(strtoull(words[2], NULL, 10));
        return replay();
    }
    if (count < 6 || count % 2 || (count - 4) / 2 > PAIRS_MAX || strcmp(words[1], "run")) {
        fprintf(stderr, "relay: run SEED tun|udp FD FD [FD FD ...], or replay SEED\n");
        return 2;
    }
    prepare(strtoull(words[2], NULL, 10));
    is_tun = !strcmp(words[3], "tun");
    for (int i = 4; i + 1 < count; i += 2)
        pairs[pair_count++] = (Pair){{atoi(words[i]), atoi(words[i + 1])}, 0};
    return run();
}
