/*
 * A program that uses a store while strace makes its system calls fail, and says what came of each call.
 *
 *   session write PATH     opens, sets, destroys, flushes, backs up and closes; ends with 0 however much of it fails
 *   session check PATH     says what is in the store
 *
 * tests/strace/run reads what it says: "call NUMBER ID set|destroy" before a call, then "done NUMBER" or
 * "failed NUMBER STATUS"; "step NAME STATUS" for everything else. A set session's payload is the call's number.
 */
#include "../c/check.h"

enum { IDS = 8, CALLS = 48, PAYLOAD_BYTES = 20000 };

static const char *store_path;

static void step(const char *name, sessile_status status) { printf("step %s %u\n", name, (unsigned)status); }

static sessile_store *open_path(void) {
  sessile_options *options = sessile_options_new(store_path);
  sessile_store *store = NULL;
  sessile_error *error = NULL;
  /* The smallest log, so that segments roll. */
  CHECK_OK(sessile_options_set_payload_bytes_max(options, 1024 * 1024));
  CHECK_OK(sessile_options_set_log_bytes_max(options, 4 * 1024 * 1024));
  CHECK_OK(sessile_options_set_cache_bytes(options, 0));
  CHECK_OK(sessile_options_set_open_timeout_ms(options, 20000));
  sessile_status status = sessile_store_open(options, &store, &error);
  CHECK((status == SESSILE_STATUS_OK) == (store != NULL) && (status == SESSILE_STATUS_OK) == (error == NULL));
  step("open", status);
  if (error != NULL) {
    CHECK(strlen(sessile_error_message(error)) > 20);
    printf("message %s\n", sessile_error_message(error));
  }
  sessile_error_free(error);
  sessile_options_free(options);
  return store;
}

/* What a session is, by its number; 0 for none. Says so when asked to. */
static void look(sessile_store *store, int id, const char *word) {
  char name[16];
  sessile_session *session = NULL;
  snprintf(name, sizeof name, "id%d", id);
  sessile_status status = sessile_store_get(store, bytes(name), &session);
  int number = 0;
  if (session != NULL) {
    sessile_bytes payload = sessile_session_payload(session);
    CHECK(payload.len == PAYLOAD_BYTES);
    CHECK(sscanf((const char *)payload.data, "%d:", &number) == 1);
    for (size_t i = 8; i < payload.len; i++) CHECK(payload.data[i] == (uint8_t)number);
  }
  sessile_session_free(session);
  printf("%s %s %d %u\n", word, name, number, (unsigned)status);
}

static void write_store(void) {
  char backup[700];
  static char payload[PAYLOAD_BYTES];
  sessile_store *store = open_path();
  if (store == NULL) return;
  for (int number = 1; number <= CALLS; number++) {
    char id[16];
    int destroys = number % 7 == 0;
    snprintf(id, sizeof id, "id%d", number % IDS);
    printf("call %d %s %s\n", number, id, destroys ? "destroy" : "set");
    memset(payload, number, sizeof payload);
    memset(payload, 0, 8);
    snprintf(payload, 8, "%d:", number);
    sessile_bytes content = {(const uint8_t *)payload, sizeof payload};
    sessile_status status = destroys ? sessile_store_destroy(store, bytes(id))
                                     : sessile_store_set(store, bytes(id), content, FAR_MS);
    if (status == SESSILE_STATUS_OK) printf("done %d\n", number);
    else printf("failed %d %u\n", number, (unsigned)status);
    /* Whatever failed, reads go on. */
    look(store, number % IDS, "seen");
    if (number % 16 == 0) step("flush", sessile_store_flush(store));
    if (number == 24) {
      snprintf(backup, sizeof backup, "%s-copy", store_path);
      step("backup", sessile_store_backup(store, backup));
    }
  }
  step("close", sessile_store_close(store));
  sessile_store_free(store);
}

static void check_store(void) {
  uint64_t len = 0;
  sessile_store *store = open_path();
  if (store == NULL) exit(1);
  CHECK_OK(sessile_store_len(store, &len));
  printf("len %u\n", (unsigned)len);
  for (int id = 0; id < IDS; id++) look(store, id, "has");
  CHECK_OK(sessile_store_set(store, bytes("id of its own"), bytes("x"), FAR_MS));
  CHECK_OK(sessile_store_destroy(store, bytes("id of its own")));
  close_store(store);
}

int main(int count, char **arguments) {
  CHECK(count == 3);
  setvbuf(stdout, NULL, _IOLBF, 0);
  store_path = arguments[2];
  if (strcmp(arguments[1], "write") == 0) write_store();
  else check_store();
  return 0;
}
