/*
 * Asynchronous writes call back once, after the acknowledgement, on a thread of the store and never within the call.
 */
#include "check.h"

#include <pthread.h>

enum { WRITES = 500 };

/* What the callbacks of one part have in common. */
typedef struct {
  sessile_store *store;
  pthread_t caller;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int called;
} tally;

static void begin(tally *tally, sessile_store *store) {
  tally->store = store;
  tally->caller = pthread_self();
  tally->called = 0;
  CHECK(pthread_mutex_init(&tally->mutex, NULL) == 0);
  CHECK(pthread_cond_init(&tally->changed, NULL) == 0);
}

static void wait_for(tally *tally, int called) {
  CHECK(pthread_mutex_lock(&tally->mutex) == 0);
  while (tally->called < called) CHECK(pthread_cond_wait(&tally->changed, &tally->mutex) == 0);
  CHECK(tally->called == called);
  CHECK(pthread_mutex_unlock(&tally->mutex) == 0);
}

static void end(tally *tally) {
  CHECK(pthread_cond_destroy(&tally->changed) == 0);
  CHECK(pthread_mutex_destroy(&tally->mutex) == 0);
}

static void count(tally *tally) {
  CHECK(pthread_mutex_lock(&tally->mutex) == 0);
  tally->called++;
  CHECK(pthread_cond_signal(&tally->changed) == 0);
  CHECK(pthread_mutex_unlock(&tally->mutex) == 0);
}

static void acknowledged(void *user_data, sessile_status status, const sessile_error *error) {
  tally *tally = user_data;
  CHECK_OK(status);
  CHECK(error == NULL);
  CHECK(!pthread_equal(pthread_self(), tally->caller));
  count(tally);
}

static void every_write_calls_back_once(sessile_durability durability) {
  sessile_store *store = open_store("sessions", durability);
  tally tally;
  char id[32];
  begin(&tally, store);
  CHECK_OK(sessile_store_clear(store));
  for (int i = 0; i < WRITES; i++) {
    sessile_session *session = NULL;
    snprintf(id, sizeof id, "s%d", i);
    CHECK_OK(sessile_store_set_async(store, bytes(id), bytes(id), FAR_MS, acknowledged, &tally));
    /* It is there for every reader at once. */
    CHECK_OK(sessile_store_get(store, bytes(id), &session));
    CHECK(equals(sessile_session_payload(session), id));
    sessile_session_free(session);
  }
  wait_for(&tally, WRITES);
  for (int i = 0; i < WRITES; i++) {
    snprintf(id, sizeof id, "s%d", i);
    CHECK_OK(sessile_store_destroy_async(store, bytes(id), acknowledged, &tally));
  }
  wait_for(&tally, 2 * WRITES);
  uint64_t len = 7;
  CHECK_OK(sessile_store_len(store, &len));
  CHECK(len == 0);
  close_store(store);
  CHECK(tally.called == 2 * WRITES);
  end(&tally);
}

/* A caller may hold a lock that the callback takes: it is never called back from within its own call. */
static void a_caller_may_hold_the_callback_s_lock(sessile_durability durability) {
  sessile_store *store = open_store("sessions", durability);
  tally tally;
  begin(&tally, store);
  for (int i = 0; i < 50; i++) {
    CHECK(pthread_mutex_lock(&tally.mutex) == 0);
    CHECK_OK(sessile_store_set_async(store, bytes("held"), bytes("x"), FAR_MS, acknowledged, &tally));
    CHECK(tally.called <= i);
    CHECK(pthread_mutex_unlock(&tally.mutex) == 0);
  }
  wait_for(&tally, 50);
  end(&tally);
  close_store(store);
}

static void writes_again(void *user_data, sessile_status status, const sessile_error *error) {
  tally *tally = user_data;
  sessile_session *session = NULL;
  CHECK_OK(status);
  CHECK(error == NULL);
  CHECK_OK(sessile_store_set(tally->store, bytes("from a callback"), bytes("x"), FAR_MS));
  CHECK_OK(sessile_store_get(tally->store, bytes("from a callback"), &session));
  CHECK(session != NULL);
  sessile_session_free(session);
  CHECK_OK(sessile_store_flush(tally->store));
  CHECK_OK(sessile_store_set_async(tally->store, bytes("and on"), bytes("x"), FAR_MS, acknowledged, tally));
}

static void a_callback_may_write_and_wait(void) {
  sessile_store *store = open_store("sessions", SESSILE_DURABILITY_FSYNC);
  tally tally;
  begin(&tally, store);
  CHECK_OK(sessile_store_set_async(store, bytes("first"), bytes("x"), FAR_MS, writes_again, &tally));
  wait_for(&tally, 1);
  end(&tally);
  close_store(store);
}

/* All callbacks have run when close returns. */
static void close_waits_for_callbacks(sessile_durability durability) {
  sessile_store *store = open_store("sessions", durability);
  tally tally;
  begin(&tally, store);
  for (int i = 0; i < 100; i++) {
    CHECK_OK(sessile_store_set_async(store, bytes("last"), bytes("x"), FAR_MS, acknowledged, &tally));
  }
  CHECK_OK(sessile_store_close(store));
  CHECK(pthread_mutex_lock(&tally.mutex) == 0);
  CHECK(tally.called == 100);
  CHECK(pthread_mutex_unlock(&tally.mutex) == 0);
  CHECK_STATUS(SESSILE_STATUS_CLOSED,
               sessile_store_set_async(store, bytes("late"), bytes("x"), FAR_MS, acknowledged, &tally));
  CHECK(tally.called == 100);
  end(&tally);
  sessile_store_free(store);
}

static void closes(void *user_data, sessile_status status, const sessile_error *error) {
  tally *tally = user_data;
  CHECK_OK(status);
  CHECK(error == NULL);
  CHECK_OK(sessile_store_close(tally->store));
  count(tally);
}

static void a_callback_may_close_the_store(void) {
  sessile_store *store = open_store("sessions", SESSILE_DURABILITY_FSYNC);
  tally tally;
  begin(&tally, store);
  CHECK_OK(sessile_store_set_async(store, bytes("last"), bytes("x"), FAR_MS, closes, &tally));
  wait_for(&tally, 1);
  CHECK_STATUS(SESSILE_STATUS_CLOSED, sessile_store_destroy(store, bytes("last")));
  end(&tally);
  sessile_store_free(store);
}

int main(void) {
  const sessile_durability durabilities[] = {SESSILE_DURABILITY_FSYNC, SESSILE_DURABILITY_WRITE,
                                             SESSILE_DURABILITY_ASYNC};
  for (int i = 0; i < 3; i++) {
    every_write_calls_back_once(durabilities[i]);
    a_caller_may_hold_the_callback_s_lock(durabilities[i]);
    close_waits_for_callbacks(durabilities[i]);
  }
  a_callback_may_write_and_wait();
  a_callback_may_close_the_store();
  return 0;
}
