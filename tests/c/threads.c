/*
 * Eight threads on one store see what they wrote, and only that.
 */
#include "check.h"

#include <pthread.h>

enum { THREADS = 8, ROUNDS = 60 };

typedef struct {
  sessile_store *store;
  int number;
} worker;

static void *work(void *argument) {
  const worker *self = argument;
  char id[32];
  char payload[64];
  for (int round = 0; round < ROUNDS; round++) {
    sessile_session *session = NULL;
    snprintf(id, sizeof id, "thread-%d-%d", self->number, round % 10);
    snprintf(payload, sizeof payload, "%d of %d", round, self->number);
    CHECK_OK(sessile_store_set(self->store, bytes(id), bytes(payload), FAR_MS));
    CHECK_OK(sessile_store_get(self->store, bytes(id), &session));
    CHECK(equals(sessile_session_payload(session), payload));
    sessile_session_free(session);
    CHECK_OK(sessile_store_touch(self->store, bytes(id), FAR_MS + (uint64_t)round));

    /* One that all of them write: whole, whoever wrote it last. */
    CHECK_OK(sessile_store_set(self->store, bytes("shared"), bytes(payload), FAR_MS));
    CHECK_OK(sessile_store_get(self->store, bytes("shared"), &session));
    CHECK(session != NULL && sessile_session_payload(session).len >= strlen("0 of 0"));
    sessile_session_free(session);

    if (round % 10 == 9) {
      CHECK_OK(sessile_store_destroy(self->store, bytes(id)));
      CHECK_OK(sessile_store_get(self->store, bytes(id), &session));
      CHECK(session == NULL);
    }
  }
  return NULL;
}

/* Threads that share a cursor get every session once among them. */
typedef struct {
  const sessile_cursor *cursor;
  int seen;
} reader;

static void *read_all(void *argument) {
  reader *self = argument;
  for (;;) {
    sessile_session *session = NULL;
    CHECK_OK(sessile_cursor_next(self->cursor, &session));
    if (session == NULL) return NULL;
    self->seen++;
    sessile_session_free(session);
  }
}

typedef struct {
  sessile_store *store;
  const char *directory;
  sessile_status status;
} backup;

static void *back_up(void *argument) {
  backup *self = argument;
  self->status = sessile_store_backup(self->store, self->directory);
  return NULL;
}

/* One of them comes about, whole, and the others say that there is one. */
static void backups_to_one_place(sessile_store *store) {
  enum { ROUNDS = 6 };
  char path[600];
  char name[16];
  uint64_t expected = 0;
  CHECK_OK(sessile_store_len(store, &expected));
  for (int round = 0; round < ROUNDS; round++) {
    pthread_t threads[THREADS];
    backup backups[THREADS];
    int made = 0;
    snprintf(name, sizeof name, "copy%d", round);
    /* Once: the threads read it while others are begun. */
    const char *directory = path_in(path, sizeof path, name);
    for (int i = 0; i < THREADS; i++) {
      backups[i].store = store;
      backups[i].directory = directory;
      CHECK(pthread_create(&threads[i], NULL, back_up, &backups[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
      CHECK(pthread_join(threads[i], NULL) == 0);
      if (backups[i].status == SESSILE_STATUS_OK) made++;
      else CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, backups[i].status);
    }
    CHECK(made == 1);
    uint64_t len = 0;
    sessile_store *copy = open_store(name, SESSILE_DURABILITY_FSYNC);
    CHECK_OK(sessile_store_len(copy, &len));
    CHECK(len == expected);
    close_store(copy);
  }
}

int main(void) {
  sessile_store *store = open_store("sessions", SESSILE_DURABILITY_FSYNC);
  pthread_t threads[THREADS];
  worker workers[THREADS];
  for (int i = 0; i < THREADS; i++) {
    workers[i].store = store;
    workers[i].number = i;
    CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
  }
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);

  /* Nine are left of each thread's ten, and the shared one. */
  uint64_t len = 0;
  CHECK_OK(sessile_store_len(store, &len));
  CHECK(len == THREADS * 9 + 1);

  sessile_cursor *cursor = NULL;
  reader readers[THREADS];
  int seen = 0;
  CHECK_OK(sessile_cursor_open(store, &cursor));
  for (int i = 0; i < THREADS; i++) {
    readers[i].cursor = cursor;
    readers[i].seen = 0;
    CHECK(pthread_create(&threads[i], NULL, read_all, &readers[i]) == 0);
  }
  for (int i = 0; i < THREADS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    seen += readers[i].seen;
  }
  CHECK(seen == THREADS * 9 + 1);
  sessile_cursor_close(cursor);
  backups_to_one_place(store);
  close_store(store);
  return 0;
}
