/*
 * The session table of a login service: who is logged in, kept across restarts, crashes and power losses.
 *
 *   sessions DIRECTORY login NAME [SECONDS]    logs NAME in and prints the session's id
 *   sessions DIRECTORY whoami ID               prints whose session it is
 *   sessions DIRECTORY keep ID [SECONDS]       lets the session live on, from now
 *   sessions DIRECTORY logout ID               ends the session
 *   sessions DIRECTORY list                    prints all sessions: id, name, seconds left
 *   sessions DIRECTORY expire                  removes what has expired from the disk
 *   sessions DIRECTORY                         reads such commands from standard input, a line each
 *
 * It ends with 0 if it did what was asked, with 1 if there is no such session, and with 2 if something failed.
 */
#include <sessile.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum outcome { DONE = 0, NO_SESSION = 1, FAILED = 2 };

enum { ID_BYTES = 16, ID_LEN = 2 * ID_BYTES, NAME_LEN_MAX = 64, LINE_LEN_MAX = 512 };

static const uint64_t LIFETIME_SECONDS = 30 * 60;
static const uint64_t LIFETIME_SECONDS_MAX = UINT64_C(10) * 365 * 24 * 60 * 60;

static sessile_bytes bytes_of(const char *text) {
  sessile_bytes bytes = {(const uint8_t *)text, strlen(text)};
  return bytes;
}

static uint64_t now_ms(void) {
  struct timespec now;
  if (timespec_get(&now, TIME_UTC) != TIME_UTC) {
    fprintf(stderr, "sessions: this system has no clock\n");
    exit(FAILED);
  }
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Tells what failed, with the store's own sentence for it. */
static enum outcome failed(const sessile_store *store, const char *what, sessile_status status) {
  sessile_error *error = NULL;
  const char *sentence = sessile_status_message(status);
  if (sessile_store_last_error(store, &error) == SESSILE_STATUS_OK && sessile_error_status(error) == status) {
    sentence = sessile_error_message(error);
  }
  fprintf(stderr, "sessions: %s: %s\n", what, sentence);
  sessile_error_free(error);
  return FAILED;
}

static enum outcome no_session(void) {
  puts("no such session");
  return NO_SESSION;
}

/*
 * A new id: 128 random bits in hexadecimal. Whoever knows a session's id is taken for its owner, so that it has to
 * come from the system's random source; rand() would let people guess the ids of others.
 */
static bool new_id(char id[ID_LEN + 1]) {
  unsigned char random[ID_BYTES];
  FILE *source = fopen("/dev/urandom", "rb");
  if (source == NULL) {
    return false;
  }
  setvbuf(source, NULL, _IONBF, 0);
  size_t read = fread(random, 1, sizeof random, source);
  fclose(source);
  if (read != sizeof random) {
    return false;
  }
  for (size_t i = 0; i < sizeof random; i++) {
    snprintf(id + 2 * i, 3, "%02x", random[i]);
  }
  return true;
}

/* Names are printed again, so that only what is harmless on a terminal is taken. */
static bool is_name(const char *text) {
  size_t len = strlen(text);
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@";
  return len > 0 && len <= NAME_LEN_MAX && strspn(text, allowed) == len;
}

/* When a session ends that lives for `seconds`, or for the usual time where there is no such argument; 0 is none. */
static uint64_t expiry_ms(const char *seconds) {
  uint64_t lifetime = LIFETIME_SECONDS;
  if (seconds != NULL) {
    char *end = NULL;
    lifetime = strtoull(seconds, &end, 10);
    if (seconds[0] < '0' || seconds[0] > '9' || *end != '\0' || lifetime == 0 || lifetime > LIFETIME_SECONDS_MAX) {
      fprintf(stderr, "sessions: '%s' is no number of seconds\n", seconds);
      return 0;
    }
  }
  return now_ms() + lifetime * 1000;
}

static enum outcome login(const sessile_store *store, const char *name, const char *seconds) {
  char id[ID_LEN + 1];
  uint64_t expires_at_ms = expiry_ms(seconds);
  if (expires_at_ms == 0) {
    return FAILED;
  }
  if (!is_name(name)) {
    fprintf(stderr, "sessions: a name is up to %d letters, digits and . - _ @\n", NAME_LEN_MAX);
    return FAILED;
  }
  if (!new_id(id)) {
    fprintf(stderr, "sessions: no random numbers from /dev/urandom\n");
    return FAILED;
  }
  sessile_status status = sessile_store_set(store, bytes_of(id), bytes_of(name), expires_at_ms);
  if (status != SESSILE_STATUS_OK) {
    return failed(store, "login", status);
  }
  /* It is on the disk now. Only now may the user be told. */
  puts(id);
  return DONE;
}

static enum outcome whoami(const sessile_store *store, const char *id) {
  sessile_session *session;
  sessile_status status = sessile_store_get(store, bytes_of(id), &session);
  if (status != SESSILE_STATUS_OK) {
    return failed(store, "whoami", status);
  }
  if (session == NULL) {
    return no_session();
  }
  sessile_bytes name = sessile_session_payload(session);
  printf("%.*s\n", (int)name.len, (const char *)name.data);
  sessile_session_free(session);
  return DONE;
}

static enum outcome keep(const sessile_store *store, const char *id, const char *seconds) {
  sessile_session *session;
  uint64_t expires_at_ms = expiry_ms(seconds);
  if (expires_at_ms == 0) {
    return FAILED;
  }
  /* A touch of a session that is not there does nothing, and does not say so. */
  sessile_status status = sessile_store_get(store, bytes_of(id), &session);
  if (status != SESSILE_STATUS_OK) {
    return failed(store, "keep", status);
  }
  if (session == NULL) {
    return no_session();
  }
  sessile_session_free(session);
  status = sessile_store_touch(store, bytes_of(id), expires_at_ms);
  if (status != SESSILE_STATUS_OK) {
    return failed(store, "keep", status);
  }
  puts("kept");
  return DONE;
}

static enum outcome logout(const sessile_store *store, const char *id) {
  sessile_status status = sessile_store_destroy(store, bytes_of(id));
  if (status != SESSILE_STATUS_OK) {
    return failed(store, "logout", status);
  }
  puts("logged out");
  return DONE;
}

static enum outcome list(const sessile_store *store) {
  sessile_cursor *cursor;
  uint64_t count = 0;
  uint64_t now = now_ms();
  sessile_status status = sessile_cursor_open(store, &cursor);
  while (status == SESSILE_STATUS_OK) {
    sessile_session *session;
    status = sessile_cursor_next(cursor, &session);
    if (session == NULL) {
      break;
    }
    sessile_bytes id = sessile_session_id(session);
    sessile_bytes name = sessile_session_payload(session);
    uint64_t end = sessile_session_expires_at_ms(session);
    printf("%.*s %.*s %" PRIu64 "\n", (int)id.len, (const char *)id.data, (int)name.len, (const char *)name.data,
           end > now ? (end - now) / 1000 : 0);
    sessile_session_free(session);
    count++;
  }
  sessile_cursor_close(cursor);
  if (status != SESSILE_STATUS_OK) {
    return failed(store, "list", status);
  }
  printf("%" PRIu64 " logged in\n", count);
  return DONE;
}

static enum outcome expire(const sessile_store *store) {
  uint64_t reaped;
  sessile_status status = sessile_store_reap(store, &reaped);
  if (status != SESSILE_STATUS_OK) {
    return failed(store, "expire", status);
  }
  printf("%" PRIu64 " removed\n", reaped);
  return DONE;
}

/* Runs one command: its name and its arguments. */
static enum outcome run(const sessile_store *store, size_t count, char **words) {
  const char *command = words[0];
  const char *third = count == 3 ? words[2] : NULL;
  if (strcmp(command, "login") == 0 && (count == 2 || count == 3)) {
    return login(store, words[1], third);
  }
  if (strcmp(command, "whoami") == 0 && count == 2) {
    return whoami(store, words[1]);
  }
  if (strcmp(command, "keep") == 0 && (count == 2 || count == 3)) {
    return keep(store, words[1], third);
  }
  if (strcmp(command, "logout") == 0 && count == 2) {
    return logout(store, words[1]);
  }
  if (strcmp(command, "list") == 0 && count == 1) {
    return list(store);
  }
  if (strcmp(command, "expire") == 0 && count == 1) {
    return expire(store);
  }
  fprintf(stderr, "commands: login NAME [SECONDS], whoami ID, keep ID [SECONDS], logout ID, list, expire\n");
  return FAILED;
}

/* Runs a command from each line of standard input. A command that failed is told of, and does not end it. */
static enum outcome run_lines(const sessile_store *store) {
  char line[LINE_LEN_MAX];
  while (fgets(line, sizeof line, stdin) != NULL) {
    char *words[4];
    size_t count = 0;
    for (char *word = strtok(line, " \t\r\n"); word != NULL && count < 4; word = strtok(NULL, " \t\r\n")) {
      words[count++] = word;
    }
    if (count > 0) {
      (void)run(store, count, words);
      fflush(stdout);
    }
  }
  return ferror(stdin) ? FAILED : DONE;
}

static sessile_store *open_store(const char *directory) {
  sessile_store *store;
  sessile_error *error;
  sessile_options *options = sessile_options_new(directory);
  if (sessile_store_open(options, &store, &error) != SESSILE_STATUS_OK) {
    fprintf(stderr, "sessions: %s\n", sessile_error_message(error));
    sessile_error_free(error);
  }
  sessile_options_free(options);
  return store;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: sessions DIRECTORY [COMMAND...]\n");
    return FAILED;
  }
  sessile_store *store = open_store(argv[1]);
  if (store == NULL) {
    return FAILED;
  }
  enum outcome outcome = argc > 2 ? run(store, (size_t)argc - 2, argv + 2) : run_lines(store);

  /* What was acknowledged is safe already; closing tidies up, so that the next start has nothing to replay. */
  sessile_status status = sessile_store_close(store);
  if (status != SESSILE_STATUS_OK) {
    outcome = failed(store, "closing", status);
  }
  sessile_store_free(store);
  if (fflush(stdout) != 0) {
    fprintf(stderr, "sessions: could not write to standard output\n");
    outcome = FAILED;
  }
  return (int)outcome;
}
