/*
 * The C side of `make bench-c`: does on request what benches/src/bin/calls.rs does in Rust, and prints one figure.
 *
 *   calls DIRECTORY    on standard input, a line each, until it ends:
 *
 *   get MILLIS             reads of sessions in memory by one thread; prints nanoseconds for each
 *   set THREADS MILLIS     durable writes by so many threads; prints writes per second
 */
#define _POSIX_C_SOURCE 200809L

#include <sessile.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* As in calls.rs. */
enum { SESSIONS = 10000, PAYLOAD_BYTES = 300, ID_LEN = 32, THREADS_MAX = 256, CALLS_BETWEEN_CLOCKS = 1000 };

static char ids[SESSIONS][ID_LEN + 1];
static uint8_t content[PAYLOAD_BYTES];
static const sessile_bytes payload = {content, PAYLOAD_BYTES};

static void check(sessile_status status, const char *what) {
  if (status != SESSILE_STATUS_OK) {
    fprintf(stderr, "calls: %s: %s\n", what, sessile_status_message(status));
    exit(1);
  }
}

static uint64_t next(uint64_t *state) {
  *state += UINT64_C(0x9E3779B97F4A7C15);
  uint64_t mixed = *state;
  mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
  return mixed ^ (mixed >> 31);
}

static sessile_bytes any_id(uint64_t *state) {
  sessile_bytes id = {(const uint8_t *)ids[next(state) % SESSIONS], ID_LEN};
  return id;
}

static double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double get_nanos(const sessile_store *store, double seconds) {
  uint64_t state = 1, calls = 0, bytes = 0;
  double start = now_seconds(), elapsed;
  do {
    for (int i = 0; i < CALLS_BETWEEN_CLOCKS; i++) {
      sessile_session *session;
      check(sessile_store_get(store, any_id(&state), &session), "get");
      bytes += sessile_session_payload(session).len;
      sessile_session_free(session);
    }
    calls += CALLS_BETWEEN_CLOCKS;
    elapsed = now_seconds() - start;
  } while (elapsed < seconds);
  if (bytes != calls * PAYLOAD_BYTES) {
    fprintf(stderr, "calls: sessions are missing\n");
    exit(1);
  }
  return elapsed * 1e9 / (double)calls;
}

struct writer {
  const sessile_store *store;
  const atomic_bool *stop;
  uint64_t seed, calls;
};

static void *write_until_stopped(void *argument) {
  struct writer *writer = argument;
  uint64_t state = writer->seed, calls = 0;
  while (!atomic_load_explicit(writer->stop, memory_order_relaxed)) {
    check(sessile_store_set(writer->store, any_id(&state), payload, 0), "set");
    calls++;
  }
  writer->calls = calls;
  return NULL;
}

static double sets_per_second(const sessile_store *store, unsigned threads, double seconds) {
  pthread_t handles[THREADS_MAX];
  struct writer writers[THREADS_MAX];
  atomic_bool stop = false;
  uint64_t calls = 0;
  double start = now_seconds();
  for (unsigned i = 0; i < threads; i++) {
    writers[i] = (struct writer){store, &stop, i, 0};
    if (pthread_create(&handles[i], NULL, write_until_stopped, &writers[i]) != 0) {
      fprintf(stderr, "calls: no thread\n");
      exit(1);
    }
  }
  struct timespec span = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  nanosleep(&span, NULL);
  atomic_store(&stop, true);
  for (unsigned i = 0; i < threads; i++) {
    pthread_join(handles[i], NULL);
    calls += writers[i].calls;
  }
  double rate = (double)calls / (now_seconds() - start);
  check(sessile_store_flush(store), "flush");
  return rate;
}

static sessile_store *filled_store(const char *directory) {
  sessile_options *options = sessile_options_new(directory);
  sessile_store *store;
  sessile_error *error;
  uint64_t state = 7;
  if (sessile_store_open(options, &store, &error) != SESSILE_STATUS_OK) {
    fprintf(stderr, "calls: %s\n", sessile_error_message(error));
    exit(1);
  }
  sessile_options_free(options);
  memset(content, 7, sizeof content);
  for (size_t i = 0; i < SESSIONS; i++) {
    uint64_t high = next(&state), low = next(&state);
    snprintf(ids[i], sizeof ids[i], "%016" PRIx64 "%016" PRIx64, high, low);
    sessile_bytes id = {(const uint8_t *)ids[i], ID_LEN};
    check(sessile_store_set(store, id, payload, 0), "set");
  }
  check(sessile_store_flush(store), "flush");
  return store;
}

int main(int argc, char **argv) {
  char line[128];
  unsigned threads, millis;
  if (argc != 2) {
    fprintf(stderr, "usage: calls DIRECTORY\n");
    return 1;
  }
  sessile_store *store = filled_store(argv[1]);
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "get %u", &millis) == 1) {
      printf("%f\n", get_nanos(store, millis / 1e3));
    } else if (sscanf(line, "set %u %u", &threads, &millis) == 2 && threads <= THREADS_MAX) {
      printf("%f\n", sets_per_second(store, threads, millis / 1e3));
    } else {
      fprintf(stderr, "calls: what is '%s'?\n", line);
      return 1;
    }
    fflush(stdout);
  }
  check(sessile_store_close(store), "close");
  sessile_store_free(store);
  return 0;
}
