/*
 * Whatever can be recognised as wrong is a status with cleared outputs, and never a crash.
 */
#include "check.h"

/* A place that holds something old, which no failure may leave in place. */
#define OLD(type) ((type *)(uintptr_t)0xdead)

static const sessile_bytes ID = {(const uint8_t *)"id", 2};
static const sessile_bytes NO_BYTES_WITH_LEN = {NULL, 5};
static const sessile_bytes TOO_MANY_BYTES = {(const uint8_t *)"id", SIZE_MAX};

static void unexpected(void *user_data, sessile_status status, const sessile_error *error) {
  (void)user_data, (void)status, (void)error;
  fprintf(stderr, "a callback was called for a write that was refused\n");
  exit(1);
}

static void null_is_freed(void) {
  sessile_options_free(NULL);
  sessile_store_free(NULL);
  sessile_session_free(NULL);
  sessile_cursor_close(NULL);
  sessile_listener_close(NULL);
  sessile_error_free(NULL);
  sessile_dropped_free(NULL);
  sessile_check_report_free(NULL);
}

static void null_has_neutral_values(void) {
  CHECK(sessile_session_id(NULL).len == 0 && sessile_session_id(NULL).data == NULL);
  CHECK(sessile_session_payload(NULL).len == 0);
  CHECK(sessile_session_expires_at_ms(NULL) == 0);
  CHECK(sessile_session_created_at_ms(NULL) == 0);
  CHECK(sessile_session_version(NULL) == 0);
  CHECK(sessile_error_status(NULL) == SESSILE_STATUS_OK);
  CHECK(strcmp(sessile_error_message(NULL), "") == 0);
  CHECK(sessile_dropped_len(NULL) == 0);
  CHECK(strcmp(sessile_dropped_file(NULL, 3), "") == 0);
  CHECK(strcmp(sessile_dropped_reason(NULL, 3), "") == 0);
  CHECK(sessile_dropped_offset_bytes(NULL, 3) == 0);
  CHECK(sessile_dropped_id(NULL, 3).len == 0 && sessile_check_report_id(NULL, 3).len == 0);
}

static void every_number_has_a_message(void) {
  const uint32_t numbers[] = {0, 1, 16, 17, 18, 19, 999, 1000, 1001, UINT32_MAX};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    CHECK(strlen(sessile_status_message(numbers[i])) > 0);
  }
}

static void owners_refuse(sessile_store *store) {
  sessile_set_options set_options[2] = {{0}, {0}};
  const sessile_bytes nobody = {NULL, 0};
  const sessile_bytes lost = {NULL, 1};
  uint64_t count = 7;
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT,
               sessile_store_set_with(store, bytes("id"), bytes("x"), NULL, sizeof *set_options, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT,
               sessile_store_set_with(store, bytes("id"), bytes("x"), set_options, 0, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT,
               sessile_store_set_with(store, bytes("id"), bytes("x"), set_options, 7, NULL));
  /* A later version's struct is taken as long as what is unknown is zero. */
  CHECK_OK(sessile_store_set_with(store, bytes("id"), bytes("x"), set_options, sizeof set_options, NULL));
  set_options[1].version = 1;
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT,
               sessile_store_set_with(store, bytes("id"), bytes("x"), set_options, sizeof set_options, NULL));
  /* And an earlier one's. */
  CHECK_OK(sessile_store_set_with(store, bytes("id"), bytes("x"), set_options, sizeof(uint64_t), NULL));
  set_options[0].owner = lost;
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT,
               sessile_store_set_with(store, bytes("id"), bytes("x"), set_options, sizeof *set_options, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_count_of(store, nobody, &count));
  CHECK(count == 0);
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_count_of(store, bytes("ada"), NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_count_of(NULL, bytes("ada"), &count));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_destroy_all_of(store, nobody, nobody, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_keep_newest_of(store, nobody, 1, nobody, NULL));
  sessile_cursor *cursor = NULL;
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_cursor_open_of(store, nobody, &cursor));
  CHECK(cursor == NULL);
  CHECK(sessile_session_owner(NULL).len == 0 && sessile_session_deadline_ms(NULL) == 0);
}

static void options_refuse(void) {
  CHECK(sessile_options_new(NULL) == NULL);
  CHECK(sessile_options_new("\xff\xfe") == NULL);
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_options_set_durability(NULL, SESSILE_DURABILITY_FSYNC));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_options_set_ttl_ms(NULL, 1));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_options_set_cache_bytes(NULL, 1));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_options_set_dirty_bytes(NULL, 1));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_options_set_base_cache_bytes(NULL, 1));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_options_set_log_bytes_max(NULL, 1));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_options_set_payload_bytes_max(NULL, 1));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_options_set_checkpoint_interval_ms(NULL, 1));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_options_set_touch_after_ms(NULL, 1));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_options_set_scrub_interval_ms(NULL, 1));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_options_set_scrub_bytes_per_second(NULL, 1));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_options_set_open_timeout_ms(NULL, 1));

  char path[600];
  sessile_options *options = sessile_options_new(path_in(path, sizeof path, "unused"));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_options_set_durability(options, 3));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_options_set_durability(options, UINT32_MAX));
  sessile_options_free(options);
}

/* Tries to open with these options, which fails with `expected` and clears both outputs in its way. */
static void open_fails(sessile_status expected, const sessile_options *options, const char *word) {
  sessile_store *store = OLD(sessile_store);
  sessile_error *error = OLD(sessile_error);
  CHECK_STATUS(expected, sessile_store_open(options, &store, &error));
  CHECK(store == NULL && error != NULL);
  CHECK(sessile_error_status(error) == expected);
  CHECK(strstr(sessile_error_message(error), word) != NULL);
  sessile_error_free(error);

  sessile_dropped *dropped = OLD(sessile_dropped);
  store = OLD(sessile_store);
  CHECK_STATUS(expected, sessile_store_open_salvage(options, &store, &dropped, NULL));
  CHECK(store == NULL && dropped == NULL);
}

static void open_refuses(void) {
  char path[600];
  sessile_error *error = OLD(sessile_error);
  sessile_store *store = OLD(sessile_store);
  open_fails(SESSILE_STATUS_INVALID_ARGUMENT, NULL, "options");

  sessile_options *options = sessile_options_new(path_in(path, sizeof path, "refused"));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_open(options, NULL, &error));
  CHECK(strstr(sessile_error_message(error), "store_out") != NULL);
  sessile_error_free(error);
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_open(options, NULL, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_open_salvage(options, &store, NULL, NULL));
  CHECK(store == NULL);
  CHECK_OK(sessile_options_set_ttl_ms(options, 0));
  open_fails(SESSILE_STATUS_INVALID_OPTION, options, "ttl");
  CHECK_OK(sessile_options_set_ttl_ms(options, UINT64_MAX));
  open_fails(SESSILE_STATUS_INVALID_OPTION, options, "ttl");
  sessile_options_free(options);

  FILE *file = fopen(path_in(path, sizeof path, "file"), "w");
  CHECK(file != NULL && fclose(file) == 0);
  options = sessile_options_new(path);
  open_fails(SESSILE_STATUS_NOT_A_DIRECTORY, options, "file");
  sessile_options_free(options);

  options = sessile_options_new(path_in(path, sizeof path, "absent/store"));
  open_fails(SESSILE_STATUS_IO, options, "absent");
  sessile_options_free(options);

  options = sessile_options_new("");
  open_fails(SESSILE_STATUS_INVALID_OPTION, options, "path");
  sessile_options_free(options);
}

/* Every operation on `store`, with arguments that are right, fails with `expected` and clears its outputs. */
static void every_operation_fails(sessile_status expected, sessile_store *store) {
  sessile_session *session = OLD(sessile_session);
  sessile_cursor *cursor = OLD(sessile_cursor);
  uint64_t len = 7;
  sessile_stats stats;
  memset(&stats, 7, sizeof stats);
  CHECK_STATUS(expected, sessile_store_get(store, ID, &session));
  CHECK(session == NULL);
  CHECK_STATUS(expected, sessile_store_set(store, ID, ID, 0));
  CHECK_STATUS(expected, sessile_store_touch(store, ID, FAR_MS));
  CHECK_STATUS(expected, sessile_store_destroy(store, ID));
  CHECK_STATUS(expected, sessile_store_clear(store));
  CHECK_STATUS(expected, sessile_store_set_async(store, ID, ID, 0, unexpected, NULL));
  CHECK_STATUS(expected, sessile_store_destroy_async(store, ID, unexpected, NULL));
  CHECK_STATUS(expected, sessile_store_len(store, &len));
  CHECK(len == 0);
  len = 7;
  CHECK_STATUS(expected, sessile_store_reap(store, &len));
  CHECK(len == 0);
  CHECK_STATUS(expected, sessile_store_flush(store));
  CHECK_STATUS(expected, sessile_store_sync(store));
  sessile_check_report *report = (void *)&len;
  CHECK_STATUS(expected, sessile_store_check(store, &report));
  CHECK(report == NULL && sessile_check_report_len(report) == 0 && sessile_check_report_sessions(report) == 0);
  CHECK_STATUS(expected, sessile_store_backup(store, "/tmp/never-made"));
  CHECK_STATUS(expected, sessile_store_stats(store, sizeof stats, &stats));
  CHECK(stats.hits == 0 && stats.base_sessions == 0);
  CHECK_STATUS(expected, sessile_cursor_open(store, &cursor));
  CHECK(cursor == NULL);
  sessile_listener *listener = OLD(sessile_listener);
  CHECK_STATUS(expected, sessile_listener_open(store, SESSILE_END_CAUSE_EXPIRED, &listener));
  CHECK(listener == NULL);
}

static void operations_refuse_null(sessile_store *store) {
  every_operation_fails(SESSILE_STATUS_INVALID_ARGUMENT, NULL);
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_close(NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_cursor_next(NULL, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_listener_next(NULL, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_listener_open(store, SESSILE_END_CAUSE_EXPIRED, NULL));
  sessile_listener *listener = OLD(sessile_listener);
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_listener_open(store, 2, &listener));
  CHECK(listener == NULL);
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_get(store, ID, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_len(store, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_reap(store, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_cursor_open(store, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_last_error(store, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_backup(store, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_backup(store, "\xff"));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_set_async(store, ID, ID, 0, NULL, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_destroy_async(store, ID, NULL, NULL));

  sessile_session *session = OLD(sessile_session);
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_cursor_next(NULL, &session));
  CHECK(session == NULL);
  sessile_error *error = OLD(sessile_error);
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_last_error(NULL, &error));
  CHECK(error == NULL);

  sessile_stats stats;
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_stats(store, sizeof stats, NULL));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_stats(store, 0, &stats));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_stats(store, 7, &stats));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_stats(store, SIZE_MAX, &stats));
}

static void bytes_that_are_none_are_refused(sessile_store *store) {
  const sessile_bytes wrong[] = {NO_BYTES_WITH_LEN, TOO_MANY_BYTES};
  for (size_t i = 0; i < 2; i++) {
    sessile_session *session = OLD(sessile_session);
    CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_get(store, wrong[i], &session));
    CHECK(session == NULL);
    CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_set(store, wrong[i], ID, 0));
    CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_set(store, ID, wrong[i], 0));
    CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_set_async(store, ID, wrong[i], 0, unexpected, NULL));
    CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_destroy(store, wrong[i]));
    CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_destroy_async(store, wrong[i], unexpected, NULL));
    CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_touch(store, wrong[i], FAR_MS));
  }
}

static void ids_and_payloads_out_of_range_are_refused(sessile_store *store) {
  char long_id[SESSILE_ID_LEN_MAX + 1];
  memset(long_id, 'x', sizeof long_id);
  const sessile_bytes empty = {NULL, 0};
  const sessile_bytes too_long = {(const uint8_t *)long_id, sizeof long_id};
  const sessile_bytes longest = {(const uint8_t *)long_id, SESSILE_ID_LEN_MAX};
  CHECK_STATUS(SESSILE_STATUS_INVALID_ID, sessile_store_set(store, empty, ID, 0));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ID, sessile_store_set(store, too_long, ID, 0));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ID, sessile_store_destroy(store, too_long));
  CHECK_OK(sessile_store_set(store, longest, ID, 0));
  CHECK_OK(sessile_store_destroy(store, longest));
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_touch(store, ID, 0));

  const size_t size = 16 * 1024 * 1024 + 1;
  uint8_t *large = calloc(size, 1);
  CHECK(large != NULL);
  const sessile_bytes payload = {large, size};
  CHECK_STATUS(SESSILE_STATUS_VALUE_TOO_LARGE, sessile_store_set(store, ID, payload, 0));
  CHECK_STATUS(SESSILE_STATUS_VALUE_TOO_LARGE, sessile_store_set_async(store, ID, payload, 0, unexpected, NULL));

  /* Whatever length is claimed: it is refused before a byte is read or a copy made. */
  const size_t lens[] = {(size_t)1 << 40, SIZE_MAX / 2};
  for (size_t i = 0; i < 2; i++) {
    const sessile_bytes claimed = {large, lens[i]};
    CHECK_STATUS(SESSILE_STATUS_VALUE_TOO_LARGE, sessile_store_set(store, ID, claimed, 0));
    CHECK_STATUS(SESSILE_STATUS_VALUE_TOO_LARGE, sessile_store_set_async(store, ID, claimed, 0, unexpected, NULL));
    CHECK_STATUS(SESSILE_STATUS_INVALID_ID, sessile_store_destroy(store, claimed));
  }
  free(large);
}

static void a_failure_is_told_of(sessile_store *store) {
  sessile_error *error = NULL;
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_set(store, NO_BYTES_WITH_LEN, ID, 0));
  CHECK_OK(sessile_store_last_error(store, &error));
  CHECK(sessile_error_status(error) == SESSILE_STATUS_INVALID_ARGUMENT);
  CHECK(strstr(sessile_error_message(error), "id") != NULL);

  /* It is a copy: the next failure does not change it. */
  sessile_error *later = NULL;
  CHECK_STATUS(SESSILE_STATUS_INVALID_ID, sessile_store_destroy(store, bytes("")));
  CHECK_OK(sessile_store_last_error(store, &later));
  CHECK(sessile_error_status(later) == SESSILE_STATUS_INVALID_ID);
  CHECK(sessile_error_status(error) == SESSILE_STATUS_INVALID_ARGUMENT);
  sessile_error_free(error);
  sessile_error_free(later);
}

static void another_opener_needs_the_same_options(void) {
  char path[600];
  sessile_options *options = sessile_options_new(path_in(path, sizeof path, "sessions"));
  CHECK_OK(sessile_options_set_durability(options, SESSILE_DURABILITY_WRITE));
  sessile_store *store = OLD(sessile_store);
  sessile_error *error = NULL;
  CHECK_STATUS(SESSILE_STATUS_OPTIONS_CONFLICT, sessile_store_open(options, &store, &error));
  CHECK(store == NULL && strstr(sessile_error_message(error), "durability") != NULL);
  sessile_error_free(error);
  sessile_options_free(options);
}

static void after_close_everything_is_closed(sessile_store *store) {
  sessile_cursor *cursor = NULL;
  sessile_session *kept = NULL;
  sessile_session *session = OLD(sessile_session);
  CHECK_OK(sessile_store_set(store, ID, bytes("kept"), 0));
  CHECK_OK(sessile_store_get(store, ID, &kept));
  CHECK_OK(sessile_cursor_open(store, &cursor));
  CHECK_OK(sessile_store_close(store));
  CHECK_OK(sessile_store_close(store));
  every_operation_fails(SESSILE_STATUS_CLOSED, store);
  CHECK_STATUS(SESSILE_STATUS_CLOSED, sessile_cursor_next(cursor, &session));
  CHECK(session == NULL);

  sessile_error *error = NULL;
  CHECK_OK(sessile_store_last_error(store, &error));
  CHECK(sessile_error_status(error) == SESSILE_STATUS_CLOSED);
  sessile_store_free(store);

  /* What was given by the store outlives it. */
  session = OLD(sessile_session);
  CHECK_STATUS(SESSILE_STATUS_CLOSED, sessile_cursor_next(cursor, &session));
  CHECK(session == NULL);
  sessile_cursor_close(cursor);
  CHECK(equals(sessile_session_payload(kept), "kept"));
  sessile_session_free(kept);
  CHECK(strlen(sessile_error_message(error)) > 0);
  sessile_error_free(error);
}

static void a_store_may_be_freed_without_a_close(void) {
  sessile_store *store = open_store("sessions", SESSILE_DURABILITY_ASYNC);
  sessile_cursor *cursor = NULL;
  sessile_session *session = NULL;
  CHECK_OK(sessile_store_set(store, bytes("left"), bytes("x"), 0));
  CHECK_OK(sessile_cursor_open(store, &cursor));
  sessile_store_free(store);
  CHECK_STATUS(SESSILE_STATUS_CLOSED, sessile_cursor_next(cursor, &session));
  sessile_cursor_close(cursor);

  /* A cursor does not keep it open, and nothing is lost. */
  store = open_store("sessions", SESSILE_DURABILITY_FSYNC);
  CHECK_OK(sessile_store_get(store, bytes("left"), &session));
  CHECK(session != NULL);
  sessile_session_free(session);
  close_store(store);
}

int main(void) {
  null_is_freed();
  null_has_neutral_values();
  every_number_has_a_message();
  options_refuse();
  open_refuses();
  sessile_store *store = open_store("sessions", SESSILE_DURABILITY_FSYNC);
  operations_refuse_null(store);
  owners_refuse(store);
  bytes_that_are_none_are_refused(store);
  ids_and_payloads_out_of_range_are_refused(store);
  a_failure_is_told_of(store);
  another_opener_needs_the_same_options();
  after_close_everything_is_closed(store);
  a_store_may_be_freed_without_a_close();
  return 0;
}
