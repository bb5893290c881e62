/*
 * Everything the library does, once, in the way it is meant to be used.
 */
#include "check.h"

static void versions(void) {
  CHECK(sessile_abi_version() == SESSILE_ABI_VERSION);
  CHECK(strchr(sessile_version(), '.') != NULL);
}

static void a_session_is_kept_read_and_removed(sessile_store *store) {
  sessile_session *session = NULL;
  CHECK_OK(sessile_store_set(store, bytes("a1b2"), bytes("{\"user\":7}"), FAR_MS));
  CHECK_OK(sessile_store_get(store, bytes("a1b2"), &session));
  CHECK(equals(sessile_session_id(session), "a1b2"));
  CHECK(equals(sessile_session_payload(session), "{\"user\":7}"));
  CHECK(sessile_session_expires_at_ms(session) == FAR_MS);
  CHECK(sessile_session_created_at_ms(session) > 0);
  uint64_t version = sessile_session_version(session);
  uint64_t created_at_ms = sessile_session_created_at_ms(session);

  /* A session that was read does not change with the store's. */
  sessile_session *later = NULL;
  CHECK_OK(sessile_store_set(store, bytes("a1b2"), bytes("{}"), FAR_MS));
  CHECK_OK(sessile_store_get(store, bytes("a1b2"), &later));
  CHECK(equals(sessile_session_payload(session), "{\"user\":7}"));
  CHECK(equals(sessile_session_payload(later), "{}"));
  CHECK(sessile_session_version(later) > version);
  CHECK(sessile_session_created_at_ms(later) == created_at_ms);
  sessile_session_free(session);
  sessile_session_free(later);

  CHECK_OK(sessile_store_destroy(store, bytes("a1b2")));
  CHECK_OK(sessile_store_get(store, bytes("a1b2"), &session));
  CHECK(session == NULL);
  CHECK_OK(sessile_store_destroy(store, bytes("a1b2")));
}

static void what_was_read_is_written_back_or_not_at_all(sessile_store *store) {
  sessile_session *session = NULL;
  CHECK_OK(sessile_store_set(store, bytes("shared"), bytes("one"), FAR_MS));
  CHECK_OK(sessile_store_get(store, bytes("shared"), &session));
  const uint64_t read = sessile_session_version(session);
  sessile_session_free(session);

  uint64_t written = 0;
  CHECK_OK(sessile_store_set_if(store, bytes("shared"), bytes("two"), FAR_MS, read, &written));
  CHECK(written > read);
  CHECK_OK(sessile_store_set_if(store, bytes("shared"), bytes("three"), FAR_MS, written, NULL));
  uint64_t again = 7;
  CHECK_STATUS(SESSILE_STATUS_CONFLICT,
               sessile_store_set_if(store, bytes("shared"), bytes("four"), FAR_MS, written, &again));
  CHECK(again == 0);
  CHECK_OK(sessile_store_get(store, bytes("shared"), &session));
  CHECK(equals(sessile_session_payload(session), "three"));
  const uint64_t last = sessile_session_version(session);
  sessile_session_free(session);

  CHECK_OK(sessile_store_destroy(store, bytes("shared")));
  CHECK_STATUS(SESSILE_STATUS_GONE, sessile_store_set_if(store, bytes("shared"), bytes("five"), FAR_MS, last, NULL));
  CHECK_OK(sessile_store_get(store, bytes("shared"), &session));
  CHECK(session == NULL);
  sessile_error *error = NULL;
  CHECK_OK(sessile_store_last_error(store, &error));
  CHECK(sessile_error_status(error) == SESSILE_STATUS_GONE && strstr(sessile_error_message(error), "gone") != NULL);
  sessile_error_free(error);
}

static void an_owners_sessions_are_found(sessile_store *store) {
  sessile_set_options set_options = {0};
  set_options.expires_at_ms = FAR_MS;
  set_options.deadline_ms = FAR_MS + 10;
  set_options.owner = bytes("ada");
  const char *ids[] = {"phone", "laptop", "tablet"};
  uint64_t version = 0;
  for (size_t i = 0; i < 3; i++) {
    CHECK_OK(sessile_store_set_with(store, bytes(ids[i]), bytes("{}"), &set_options, sizeof set_options, &version));
    CHECK(version > 0);
  }
  /* A version goes with it, too. */
  set_options.version = version;
  CHECK_OK(sessile_store_set_with(store, bytes("tablet"), bytes("{}"), &set_options, sizeof set_options, NULL));
  CHECK_STATUS(SESSILE_STATUS_CONFLICT,
               sessile_store_set_with(store, bytes("tablet"), bytes("{}"), &set_options, sizeof set_options, NULL));
  CHECK_OK(sessile_store_set(store, bytes("nobody's"), bytes("{}"), FAR_MS));

  uint64_t count = 0;
  CHECK_OK(sessile_store_count_of(store, bytes("ada"), &count));
  CHECK(count == 3);
  CHECK_OK(sessile_store_count_of(store, bytes("bob"), &count));
  CHECK(count == 0);

  sessile_cursor *cursor = NULL;
  sessile_session *session = NULL;
  CHECK_OK(sessile_cursor_open_of(store, bytes("ada"), &cursor));
  for (int i = 0; i < 3; i++) {
    CHECK_OK(sessile_cursor_next(cursor, &session));
    CHECK(session != NULL && equals(sessile_session_owner(session), "ada"));
    CHECK(sessile_session_deadline_ms(session) == FAR_MS + 10);
    sessile_session_free(session);
  }
  CHECK_OK(sessile_cursor_next(cursor, &session));
  CHECK(session == NULL);
  sessile_cursor_close(cursor);

  /* No expiry passes the deadline. */
  CHECK_OK(sessile_store_touch(store, bytes("phone"), FAR_MS + 20));
  CHECK_OK(sessile_store_get(store, bytes("phone"), &session));
  CHECK(sessile_session_expires_at_ms(session) == FAR_MS + 10);
  sessile_session_free(session);

  uint64_t destroyed = 0;
  CHECK_OK(sessile_store_keep_newest_of(store, bytes("ada"), 2, bytes("phone"), &destroyed));
  CHECK(destroyed == 1);
  CHECK_OK(sessile_store_destroy_all_of(store, bytes("ada"), bytes("nobody's"), &destroyed));
  CHECK(destroyed == 2);
  CHECK_OK(sessile_store_destroy(store, bytes("nobody's")));
}

static void a_touch_moves_the_expiry(sessile_store *store) {
  sessile_session *session = NULL;
  CHECK_OK(sessile_store_set(store, bytes("touched"), bytes("x"), FAR_MS));
  CHECK_OK(sessile_store_touch(store, bytes("touched"), FAR_MS + 5));
  CHECK_OK(sessile_store_get(store, bytes("touched"), &session));
  CHECK(sessile_session_expires_at_ms(session) == FAR_MS + 5);
  sessile_session_free(session);

  /* Earlier, too, into the past: the session is over. */
  CHECK_OK(sessile_store_touch(store, bytes("touched"), 1));
  CHECK_OK(sessile_store_get(store, bytes("touched"), &session));
  CHECK(session == NULL);

  /* A touch creates nothing. */
  CHECK_OK(sessile_store_touch(store, bytes("absent"), FAR_MS));
  CHECK_OK(sessile_store_get(store, bytes("absent"), &session));
  CHECK(session == NULL);
}

static void bytes_of_any_value_are_kept(sessile_store *store) {
  const uint8_t id[] = {0, 255, 0};
  const uint8_t payload[] = {0, 1, 0, 254};
  const sessile_bytes binary_id = {id, sizeof id};
  const sessile_bytes binary_payload = {payload, sizeof payload};
  const sessile_bytes nothing = {NULL, 0};
  sessile_session *session = NULL;
  CHECK_OK(sessile_store_set(store, binary_id, binary_payload, 0));
  CHECK_OK(sessile_store_get(store, binary_id, &session));
  CHECK(sessile_session_payload(session).len == sizeof payload);
  CHECK(memcmp(sessile_session_payload(session).data, payload, sizeof payload) == 0);
  /* An expiry of 0 is the store's ttl from now: one day here. */
  uint64_t lives_ms = sessile_session_expires_at_ms(session) - sessile_session_created_at_ms(session);
  CHECK(lives_ms == UINT64_C(24) * 60 * 60 * 1000);
  sessile_session_free(session);

  CHECK_OK(sessile_store_set(store, binary_id, nothing, 0));
  CHECK_OK(sessile_store_get(store, binary_id, &session));
  CHECK(session != NULL && sessile_session_payload(session).len == 0);
  sessile_session_free(session);
  CHECK_OK(sessile_store_destroy(store, binary_id));
}

/* The next session that a listener has, or NULL. */
static sessile_session *next_of(sessile_listener *listener) {
  sessile_session *session = NULL;
  CHECK_OK(sessile_listener_next(listener, &session));
  return session;
}

static void a_listener_is_given_what_has_ended(sessile_store *store) {
  sessile_listener *expired = NULL, *destroyed = NULL;
  CHECK_OK(sessile_listener_open(store, SESSILE_END_CAUSE_EXPIRED, &expired));
  CHECK_OK(sessile_listener_open(store, SESSILE_END_CAUSE_DESTROYED, &destroyed));
  CHECK_OK(sessile_store_set(store, bytes("over"), bytes("{1}"), 1));
  CHECK_OK(sessile_store_set(store, bytes("ended"), bytes("{2}"), FAR_MS));
  CHECK_OK(sessile_store_destroy(store, bytes("ended")));
  CHECK_OK(sessile_store_destroy(store, bytes("never there")));
  uint64_t reaped = 0;
  CHECK_OK(sessile_store_reap(store, &reaped));

  sessile_session *session = next_of(expired);
  CHECK(session != NULL && equals(sessile_session_id(session), "over"));
  CHECK(equals(sessile_session_payload(session), "{1}") && sessile_session_expires_at_ms(session) == 1);
  sessile_session_free(session);
  session = next_of(destroyed);
  CHECK(session != NULL && equals(sessile_session_id(session), "ended"));
  CHECK(equals(sessile_session_payload(session), "{2}"));
  sessile_session_free(session);
  CHECK(next_of(expired) == NULL && next_of(destroyed) == NULL);
  sessile_listener_close(expired);
  sessile_listener_close(destroyed);
}

static void a_cursor_gives_every_session_once_in_order(sessile_store *store) {
  char id[16];
  const int sessions = 300;
  for (int i = 0; i < sessions; i++) {
    snprintf(id, sizeof id, "s%05d", i);
    CHECK_OK(sessile_store_set(store, bytes(id), bytes(id), FAR_MS));
  }
  uint64_t len = 0;
  CHECK_OK(sessile_store_len(store, &len));
  CHECK(len == (uint64_t)sessions);

  sessile_cursor *cursor = NULL;
  sessile_session *session = NULL;
  CHECK_OK(sessile_cursor_open(store, &cursor));
  for (int i = 0; i < sessions; i++) {
    snprintf(id, sizeof id, "s%05d", i);
    CHECK_OK(sessile_cursor_next(cursor, &session));
    CHECK(equals(sessile_session_id(session), id));
    CHECK(equals(sessile_session_payload(session), id));
    sessile_session_free(session);
  }
  CHECK_OK(sessile_cursor_next(cursor, &session));
  CHECK(session == NULL);
  CHECK_OK(sessile_cursor_next(cursor, &session));
  CHECK(session == NULL);
  sessile_cursor_close(cursor);
}

static void a_backup_is_a_store(sessile_store *store) {
  char path[600];
  CHECK_OK(sessile_store_backup(store, path_in(path, sizeof path, "backup")));
  /* Its directory must not be there before. */
  CHECK_STATUS(SESSILE_STATUS_INVALID_ARGUMENT, sessile_store_backup(store, path));

  sessile_store *backup = open_store("backup", SESSILE_DURABILITY_FSYNC);
  uint64_t len = 0;
  CHECK_OK(sessile_store_len(backup, &len));
  CHECK(len == 300);
  close_store(backup);
}

static void figures_count(sessile_store *store) {
  sessile_stats stats;
  CHECK_OK(sessile_store_stats(store, sizeof stats, &stats));
  CHECK(stats.sets >= 300 && stats.destroys >= 2 && stats.syncs > 0 && stats.log_bytes > 0);

  /* A program that knows only the first two figures gets those, and nothing behind them is touched. */
  uint64_t first[3] = {7, 7, 7};
  CHECK_OK(sessile_store_stats(store, 2 * sizeof(uint64_t), (sessile_stats *)(void *)first));
  CHECK(first[0] == stats.hits && first[1] == stats.misses && first[2] == 7);
}

static void an_expired_session_is_reaped(sessile_store *store) {
  sessile_session *session = NULL;
  uint64_t reaped = 0;
  CHECK_OK(sessile_store_set(store, bytes("expired"), bytes("x"), 1));
  CHECK_OK(sessile_store_get(store, bytes("expired"), &session));
  CHECK(session == NULL);
  CHECK_OK(sessile_store_reap(store, &reaped));
  CHECK(reaped <= 2);
}

static void clear_removes_everything(sessile_store *store) {
  uint64_t len = 7;
  CHECK_OK(sessile_store_clear(store));
  CHECK_OK(sessile_store_len(store, &len));
  CHECK(len == 0);
}

static void a_check_of_a_sound_store_finds_nothing(sessile_store *store) {
  sessile_check_report *report = NULL;
  CHECK_OK(sessile_store_flush(store));
  CHECK_OK(sessile_store_check(store, &report));
  CHECK(sessile_check_report_sessions(report) == 300);
  CHECK(sessile_check_report_len(report) == 0);
  CHECK(sessile_check_report_file(report, 0)[0] == 0 && sessile_check_report_reason(report, 0)[0] == 0);
  CHECK(sessile_check_report_offset_bytes(report, 0) == 0);
  sessile_check_report_free(report);
}

static void a_salvage_of_a_sound_store_drops_nothing(void) {
  char path[600];
  sessile_options *options = sessile_options_new(path_in(path, sizeof path, "backup"));
  sessile_store *store = NULL;
  sessile_dropped *dropped = NULL;
  sessile_error *error = NULL;
  CHECK_OK(sessile_store_open_salvage(options, &store, &dropped, &error));
  CHECK(error == NULL && sessile_dropped_len(dropped) == 0);
  uint64_t len = 0;
  CHECK_OK(sessile_store_len(store, &len));
  CHECK(len == 300);
  sessile_dropped_free(dropped);
  sessile_options_free(options);
  close_store(store);
}

int main(void) {
  versions();
  sessile_store *store = open_store("sessions", SESSILE_DURABILITY_FSYNC);
  a_session_is_kept_read_and_removed(store);
  what_was_read_is_written_back_or_not_at_all(store);
  an_owners_sessions_are_found(store);
  a_listener_is_given_what_has_ended(store);
  a_touch_moves_the_expiry(store);
  bytes_of_any_value_are_kept(store);
  a_cursor_gives_every_session_once_in_order(store);
  CHECK_OK(sessile_store_flush(store));
  CHECK_OK(sessile_store_sync(store));
  a_backup_is_a_store(store);
  figures_count(store);
  a_check_of_a_sound_store_finds_nothing(store);
  an_expired_session_is_reaped(store);
  clear_removes_everything(store);
  close_store(store);
  a_salvage_of_a_sound_store_drops_nothing();
  return 0;
}
