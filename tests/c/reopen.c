/*
 * A process ends by _exit with the store open: the next one finds everything that was acknowledged.
 */
#include "check.h"

#include <sys/wait.h>

enum { SESSIONS = 40 };

static void join(pid_t child, int expected) {
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == expected);
}

/* Static, so that what is left open on purpose is not lost in the eyes of a leak checker. */
static sessile_store *volatile left_open;

static void writes_and_is_gone(sessile_durability durability) {
  char id[16];
  sessile_store *store = open_store("sessions", durability);
  left_open = store;
  for (int i = 0; i < SESSIONS; i++) {
    snprintf(id, sizeof id, "s%d", i);
    CHECK_OK(sessile_store_set(store, bytes(id), bytes(id), FAR_MS));
  }
  CHECK_OK(sessile_store_destroy(store, bytes("s0")));
  _exit(42);
}

static void what_was_acknowledged_is_there_after_exit(sessile_durability durability) {
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) writes_and_is_gone(durability);
  join(child, 42);

  char id[16];
  sessile_session *session = NULL;
  sessile_store *store = open_store("sessions", durability);
  for (int i = 1; i < SESSIONS; i++) {
    snprintf(id, sizeof id, "s%d", i);
    CHECK_OK(sessile_store_get(store, bytes(id), &session));
    CHECK(equals(sessile_session_payload(session), id));
    sessile_session_free(session);
  }
  CHECK_OK(sessile_store_get(store, bytes("s0"), &session));
  CHECK(session == NULL);
  close_store(store);
}

int main(void) {
  /* Made before any fork, so that parent and child mean the same. */
  CHECK(strlen(directory()) > 0);
  what_was_acknowledged_is_there_after_exit(SESSILE_DURABILITY_FSYNC);
  what_was_acknowledged_is_there_after_exit(SESSILE_DURABILITY_WRITE);
  return 0;
}
