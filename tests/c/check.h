/*
 * What the programs here share: a check that says what failed, and a directory that goes away.
 */
#ifndef SESSILE_TESTS_CHECK_H
#define SESSILE_TESTS_CHECK_H

#include <sessile.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Ends the program with a message unless `condition` holds. Never compiled out. */
#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);   \
      exit(1);                                                                  \
    }                                                                           \
  } while (0)

/* As CHECK, for a call that has to return `expected`, and shows what it returned. */
#define CHECK_STATUS(expected, call)                                            \
  do {                                                                          \
    sessile_status status_ = (call);                                            \
    if (status_ != (expected)) {                                                \
      fprintf(stderr, "%s:%d: failed: %s\n  is %u: %s\n", __FILE__, __LINE__,   \
              #call, (unsigned)status_, sessile_status_message(status_));       \
      exit(1);                                                                  \
    }                                                                           \
  } while (0)

#define CHECK_OK(call) CHECK_STATUS(SESSILE_STATUS_OK, call)

/* A far point in time, in milliseconds since 1970. */
#define FAR_MS UINT64_C(4102444800000)

static inline sessile_bytes bytes(const char *text) {
  sessile_bytes bytes = {(const uint8_t *)text, strlen(text)};
  return bytes;
}

static inline bool equals(sessile_bytes bytes, const char *text) {
  return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

/*
 * A directory of this program's own; the store goes into a directory within it. The runner gives each program a
 * TMPDIR and removes it, so that nothing is left behind by a program that fails.
 */
static inline const char *directory(void) {
  static char path[512];
  if (path[0] == 0) {
    const char *parent = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/sessile-c-XXXXXX", parent != NULL ? parent : "/tmp");
    CHECK(mkdtemp(path) != NULL);
  }
  return path;
}

/* A path in that directory. */
static inline const char *path_in(char *buffer, size_t size, const char *name) {
  int len = snprintf(buffer, size, "%s/%s", directory(), name);
  CHECK(len > 0 && (size_t)len < size);
  return buffer;
}

/* Opens the store `name` in that directory with the given durability; fails with the error's sentence. */
static inline sessile_store *open_store(const char *name, sessile_durability durability) {
  char path[600];
  sessile_options *options = sessile_options_new(path_in(path, sizeof path, name));
  sessile_store *store = NULL;
  sessile_error *error = NULL;
  CHECK_OK(sessile_options_set_durability(options, durability));
  if (sessile_store_open(options, &store, &error) != SESSILE_STATUS_OK) {
    fprintf(stderr, "opening failed: %s\n", sessile_error_message(error));
    exit(1);
  }
  CHECK(store != NULL && error == NULL);
  sessile_options_free(options);
  return store;
}

static inline void close_store(sessile_store *store) {
  CHECK_OK(sessile_store_close(store));
  sessile_store_free(store);
}

#endif
