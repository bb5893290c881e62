/*
 * A store is closed while threads are inside calls on it: each call returns, with what it did or with CLOSED, every
 * callback of an accepted write is called, and what was acknowledged is there at the next open.
 *
 * Nothing else is waited for: a call that hangs hangs this program, which the runner ends.
 */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { THREADS = 6, ROUNDS = 12 };

typedef struct {
  sessile_store *store;
  int round;
  int number;
  /* How many blocking sets were acknowledged. */
  int acknowledged;
  /* Asynchronous writes that were accepted, and callbacks that were called. */
  int accepted;
  atomic_int called;
} worker;

static void called(void *user_data, sessile_status status, const sessile_error *error) {
  worker *self = user_data;
  CHECK((status == SESSILE_STATUS_OK) == (error == NULL));
  CHECK(status == SESSILE_STATUS_OK || status == SESSILE_STATUS_CLOSED);
  atomic_fetch_add(&self->called, 1);
}

static void id_of(char *id, size_t size, const worker *self, int write) {
  snprintf(id, size, "%d-%d-%d", self->round, self->number, write);
}

/* Whether the store is closed now; any other failure ends the program. */
static bool is_closed(sessile_status status) {
  if (status == SESSILE_STATUS_CLOSED) return true;
  CHECK_OK(status);
  return false;
}

static void *work(void *argument) {
  worker *self = argument;
  sessile_store *store = self->store;
  char id[48];
  for (int write = 0;; write++) {
    sessile_session *session = NULL;
    uint64_t len = 0;
    id_of(id, sizeof id, self, write);
    if (is_closed(sessile_store_set(store, bytes(id), bytes(id), FAR_MS))) return NULL;
    self->acknowledged = write + 1;
    /* Ids that are not in memory, so that there is something to look up. */
    snprintf(id, sizeof id, "cold-%d-%d", self->number, write);
    if (is_closed(sessile_store_touch(store, bytes(id), FAR_MS))) return NULL;
    if (is_closed(sessile_store_get(store, bytes(id), &session))) return NULL;
    sessile_session_free(session);
    if (is_closed(sessile_store_destroy(store, bytes(id)))) return NULL;
    if (is_closed(sessile_store_set_async(store, bytes(id), bytes("x"), 1, called, self))) return NULL;
    self->accepted++;
    if (write % 16 == self->number && is_closed(sessile_store_len(store, &len))) return NULL;
  }
}

static void a_store_is_closed_under_load(int round) {
  /* With `async` an acknowledgement is the call itself, so that there is the most to lose. */
  const sessile_durability durability = (sessile_durability)(round % 3);
  sessile_store *store = open_store("sessions", durability);
  pthread_t threads[THREADS];
  worker workers[THREADS];
  for (int i = 0; i < THREADS; i++) {
    workers[i].store = store;
    workers[i].round = round;
    workers[i].number = i;
    workers[i].acknowledged = 0;
    workers[i].accepted = 0;
    atomic_init(&workers[i].called, 0);
    CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
  }
  /* Not for anything to happen: so that the close meets calls of every kind. */
  const struct timespec moment = {0, 3000000L * (round + 1)};
  nanosleep(&moment, NULL);
  CHECK_OK(sessile_store_close(store));
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  sessile_store_free(store);

  store = open_store("sessions", durability);
  for (int i = 0; i < THREADS; i++) {
    CHECK(atomic_load(&workers[i].called) == workers[i].accepted);
    for (int write = 0; write < workers[i].acknowledged; write++) {
      char id[48];
      sessile_session *session = NULL;
      id_of(id, sizeof id, &workers[i], write);
      CHECK_OK(sessile_store_get(store, bytes(id), &session));
      CHECK(equals(sessile_session_payload(session), id));
      sessile_session_free(session);
    }
  }
  CHECK_OK(sessile_store_clear(store));
  close_store(store);
}

int main(void) {
  for (int round = 0; round < ROUNDS; round++) a_store_is_closed_under_load(round);
  return 0;
}
