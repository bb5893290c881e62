/*
 * A handle that a fork took along is refused in the child, and leaves the parent's store alone.
 */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { THREADS = 4 };

static void uses_what_its_parent_opened(sessile_store *store, sessile_cursor *cursor, sessile_listener *listener) {
  uint64_t len = 7;
  sessile_session *session = NULL;
  CHECK_STATUS(SESSILE_STATUS_FORKED, sessile_store_set(store, bytes("child"), bytes("x"), FAR_MS));
  CHECK_STATUS(SESSILE_STATUS_FORKED, sessile_store_len(store, &len));
  CHECK(len == 0);
  CHECK_STATUS(SESSILE_STATUS_FORKED, sessile_cursor_next(cursor, &session));
  CHECK_STATUS(SESSILE_STATUS_FORKED, sessile_listener_next(listener, &session));
  CHECK_STATUS(SESSILE_STATUS_FORKED, sessile_store_close(store));
  sessile_cursor_close(cursor);
  sessile_listener_close(listener);
  sessile_store_free(store);
  _exit(0);
}

static void a_forked_handle_is_refused(void) {
  sessile_store *store = open_store("sessions", SESSILE_DURABILITY_FSYNC);
  sessile_cursor *cursor = NULL;
  sessile_session *session = NULL;
  CHECK_OK(sessile_cursor_open(store, &cursor));
  sessile_listener *listener = NULL;
  CHECK_OK(sessile_listener_open(store, SESSILE_END_CAUSE_DESTROYED, &listener));
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) uses_what_its_parent_opened(store, cursor, listener);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

  CHECK_OK(sessile_store_set(store, bytes("parent"), bytes("x"), FAR_MS));
  CHECK_OK(sessile_cursor_next(cursor, &session));
  sessile_session_free(session);
  CHECK_OK(sessile_store_destroy(store, bytes("parent")));
  CHECK_OK(sessile_listener_next(listener, &session));
  CHECK(equals(sessile_session_id(session), "parent"));
  sessile_session_free(session);
  sessile_listener_close(listener);
  sessile_cursor_close(cursor);
  close_store(store);
}

static atomic_bool stopping;

static void *keeps_every_lock_busy(void *argument) {
  sessile_store *store = argument;
  for (unsigned i = 1; !atomic_load(&stopping); i++) {
    sessile_session *session = NULL;
    /* Under async nothing holds a caller back until too much waits for the disk, and then a set is refused. */
    if (i % 256 == 0) CHECK_OK(sessile_store_sync(store));
    CHECK_OK(sessile_store_set(store, bytes("hot"), bytes("x"), FAR_MS));
    CHECK_OK(sessile_store_get(store, bytes("hot"), &session));
    sessile_session_free(session);
    CHECK_STATUS(SESSILE_STATUS_INVALID_ID, sessile_store_destroy(store, bytes("")));
  }
  return NULL;
}

/* Whatever a thread of the parent holds at the fork stays locked in the child, which must not wait for it. */
static void reads_right_after_the_fork(sessile_store *store) {
  sessile_session *session = NULL;
  sessile_error *error = NULL;
  alarm(20);
  CHECK_STATUS(SESSILE_STATUS_FORKED, sessile_store_get(store, bytes("hot"), &session));
  CHECK_STATUS(SESSILE_STATUS_FORKED, sessile_store_touch(store, bytes("hot"), FAR_MS));
  CHECK_OK(sessile_store_last_error(store, &error));
  CHECK(sessile_error_status(error) == SESSILE_STATUS_FORKED);
  _exit(0);
}

static void a_fork_at_any_moment_is_refused(void) {
  sessile_store *store = open_store("sessions", SESSILE_DURABILITY_ASYNC);
  pthread_t threads[THREADS];
  /* A few under valgrind, where a fork takes long and threads run one at a time. */
  const char *given = getenv("FORKS");
  const int forks = given != NULL ? atoi(given) : 400;
  for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, keeps_every_lock_busy, store) == 0);
  for (int i = 0; i < forks; i++) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) reads_right_after_the_fork(store);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  atomic_store(&stopping, true);
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  close_store(store);
}

int main(void) {
  a_forked_handle_is_refused();
  a_fork_at_any_moment_is_refused();
  return 0;
}
