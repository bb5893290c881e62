"""The library as a program uses it that reads no header: by names, numbers and the sizes of things alone.

    abi.py LIBRARY

Python's ctypes declares here what it calls, as any other language's foreign functions would. Each method is a claim,
on a store of its own. Nothing but Python's standard library is needed.
"""

import ctypes
import os
import sys
import tempfile
import threading
import time
import unittest
from ctypes import POINTER, byref, c_char_p, c_size_t, c_uint32, c_uint64, c_void_p

OK = 0
INVALID_ARGUMENT = 1
INVALID_OPTION = 2
INVALID_ID = 3
VALUE_TOO_LARGE = 4
OPTIONS_CONFLICT = 6
CLOSED = 12
NOT_A_DIRECTORY = 14

ABI_VERSION = 1
FAR_MS = 4102444800000


class Bytes(ctypes.Structure):
    """`sessile_bytes`: handed over by value."""

    _fields_ = [("data", c_char_p), ("len", c_size_t)]

    def __init__(self, content):
        super().__init__(content, len(content))


class Lent(ctypes.Structure):
    """`sessile_bytes` as a session lends them: ctypes would end a `c_char_p` at the first zero."""

    _fields_ = [("data", c_void_p), ("len", c_size_t)]

    def copied(self):
        return ctypes.string_at(self.data, self.len) if self.len else b""


class Stats(ctypes.Structure):
    """`sessile_stats`: the first of its figures, as a program has them that was made for an early version."""

    _fields_ = [(name, c_uint64) for name in ("hits", "misses", "sets", "touches", "destroys")]


CALLBACK = ctypes.CFUNCTYPE(None, c_void_p, c_uint32, c_void_p)

FUNCTIONS = {
    "version": (c_char_p, []),
    "abi_version": (c_uint32, []),
    "status_message": (c_char_p, [c_uint32]),
    "error_message": (c_char_p, [c_void_p]),
    "error_status": (c_uint32, [c_void_p]),
    "error_free": (None, [c_void_p]),
    "options_new": (c_void_p, [c_char_p]),
    "options_set_durability": (c_uint32, [c_void_p, c_uint32]),
    "options_set_ttl_ms": (c_uint32, [c_void_p, c_uint64]),
    "options_set_payload_bytes_max": (c_uint32, [c_void_p, c_uint64]),
    "options_free": (None, [c_void_p]),
    "store_open": (c_uint32, [c_void_p, POINTER(c_void_p), POINTER(c_void_p)]),
    "store_close": (c_uint32, [c_void_p]),
    "store_free": (None, [c_void_p]),
    "store_last_error": (c_uint32, [c_void_p, POINTER(c_void_p)]),
    "store_get": (c_uint32, [c_void_p, Bytes, POINTER(c_void_p)]),
    "store_set": (c_uint32, [c_void_p, Bytes, Bytes, c_uint64]),
    "store_set_async": (c_uint32, [c_void_p, Bytes, Bytes, c_uint64, CALLBACK, c_void_p]),
    "store_touch": (c_uint32, [c_void_p, Bytes, c_uint64]),
    "store_destroy": (c_uint32, [c_void_p, Bytes]),
    "store_clear": (c_uint32, [c_void_p]),
    "store_len": (c_uint32, [c_void_p, POINTER(c_uint64)]),
    "store_stats": (c_uint32, [c_void_p, c_size_t, POINTER(Stats)]),
    "session_id": (Lent, [c_void_p]),
    "session_payload": (Lent, [c_void_p]),
    "session_expires_at_ms": (c_uint64, [c_void_p]),
    "session_created_at_ms": (c_uint64, [c_void_p]),
    "session_version": (c_uint64, [c_void_p]),
    "session_free": (None, [c_void_p]),
    "cursor_open": (c_uint32, [c_void_p, POINTER(c_void_p)]),
    "cursor_next": (c_uint32, [c_void_p, POINTER(c_void_p)]),
    "cursor_close": (None, [c_void_p]),
}


def load(path):
    """The library's functions, under their names without `sessile_`."""
    library = ctypes.CDLL(path)
    functions = type("Sessile", (), {})()
    for name, (result, arguments) in FUNCTIONS.items():
        function = library["sessile_" + name]
        function.restype, function.argtypes = result, arguments
        setattr(functions, name, function)
    return functions


class Abi(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="sessile-ctypes-")
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "sessions").encode()
        self.store = self.opened()

    def tearDown(self):
        self.end(self.store)

    def opened(self):
        options = sessile.options_new(self.path)
        store, error = c_void_p(), c_void_p()
        status = sessile.store_open(options, byref(store), byref(error))
        sessile.options_free(options)
        self.assertEqual(status, OK, error and sessile.error_message(error))
        self.assertIsNone(error.value)
        return store

    def end(self, store):
        self.assertEqual(sessile.store_close(store), OK)
        sessile.store_free(store)

    def set(self, id, payload, expires_at_ms=FAR_MS):
        self.assertEqual(sessile.store_set(self.store, Bytes(id), Bytes(payload), expires_at_ms), OK)

    def get(self, id):
        """The payload of a session, or None."""
        session = c_void_p()
        self.assertEqual(sessile.store_get(self.store, Bytes(id), byref(session)), OK)
        if not session:
            return None
        payload = sessile.session_payload(session).copied()
        sessile.session_free(session)
        return payload

    def failing_open(self, path, status, configure=lambda options: None):
        """The sentence of an opening that has to fail with `status`."""
        options = sessile.options_new(path)
        configure(options)
        # Outputs that hold something are cleared.
        store, error = c_void_p(1), c_void_p(1)
        self.assertEqual(sessile.store_open(options, byref(store), byref(error)), status)
        sessile.options_free(options)
        self.assertIsNone(store.value)
        self.assertEqual(sessile.error_status(error), status)
        sentence = sessile.error_message(error).decode()
        sessile.error_free(error)
        return sentence

    def test_the_versions_are_those_it_was_written_for(self):
        self.assertEqual(sessile.abi_version(), ABI_VERSION)
        self.assertRegex(sessile.version().decode(), r"^\d+\.\d+\.\d+$")

    def test_a_session_is_set_read_and_destroyed(self):
        self.set(b"a1", b"\x00\xff\x00 any bytes")
        self.assertEqual(self.get(b"a1"), b"\x00\xff\x00 any bytes")
        self.assertEqual(sessile.store_destroy(self.store, Bytes(b"a1")), OK)
        self.assertIsNone(self.get(b"a1"))

    def test_bytes_may_be_none_of_the_payload_and_all_values_of_the_id(self):
        self.set(bytes(range(256)), b"")
        self.assertEqual(self.get(bytes(range(256))), b"")

    def test_a_session_tells_its_times_and_its_version(self):
        before_ms = int(time.time() * 1000)
        self.set(b"a1", b"1")
        self.set(b"b2", b"2", 0)
        first, second = c_void_p(), c_void_p()
        self.assertEqual(sessile.store_get(self.store, Bytes(b"a1"), byref(first)), OK)
        self.assertEqual(sessile.store_get(self.store, Bytes(b"b2"), byref(second)), OK)
        self.assertEqual(sessile.session_expires_at_ms(first), FAR_MS)
        # 0 was the store's ttl: a day.
        self.assertAlmostEqual(sessile.session_expires_at_ms(second), before_ms + 86_400_000, delta=60_000)
        self.assertAlmostEqual(sessile.session_created_at_ms(first), before_ms, delta=60_000)
        self.assertGreater(sessile.session_version(second), sessile.session_version(first))
        sessile.session_free(first)
        sessile.session_free(second)

    def test_a_touch_moves_the_expiry_and_creates_nothing(self):
        self.set(b"a1", b"1")
        self.assertEqual(sessile.store_touch(self.store, Bytes(b"a1"), 1), OK)
        self.assertIsNone(self.get(b"a1"))
        self.assertEqual(sessile.store_touch(self.store, Bytes(b"absent"), FAR_MS), OK)
        self.assertIsNone(self.get(b"absent"))

    def test_a_cursor_gives_every_session_in_order_and_then_null(self):
        ids = [b"%04d" % number for number in range(300)]
        # Without waiting for each one: a callback has to be kept until it was called.
        done, left, statuses = threading.Event(), [len(ids)], []

        def acknowledged(_, status, error):
            statuses.append((status, error))
            left[0] -= 1
            if left[0] == 0:
                done.set()

        callback = CALLBACK(acknowledged)
        for id in ids:
            status = sessile.store_set_async(self.store, Bytes(id), Bytes(id), FAR_MS, callback, None)
            self.assertEqual(status, OK)
        self.assertTrue(done.wait(60))
        self.assertEqual(set(statuses), {(OK, None)})

        cursor, seen = c_void_p(), []
        self.assertEqual(sessile.cursor_open(self.store, byref(cursor)), OK)
        while True:
            session = c_void_p(1)
            self.assertEqual(sessile.cursor_next(cursor, byref(session)), OK)
            if not session:
                break
            seen.append(sessile.session_id(session).copied())
            sessile.session_free(session)
        sessile.cursor_close(cursor)
        self.assertEqual(seen, ids)

    def test_the_count_is_exact_and_clear_makes_it_nothing(self):
        count = c_uint64(99)
        for number in range(5):
            self.set(b"%d" % number, b"")
        self.assertEqual(sessile.store_len(self.store, byref(count)), OK)
        self.assertEqual(count.value, 5)
        self.assertEqual(sessile.store_clear(self.store), OK)
        self.assertEqual(sessile.store_len(self.store, byref(count)), OK)
        self.assertEqual(count.value, 0)

    def test_a_program_that_knows_fewer_figures_gets_those(self):
        self.set(b"a1", b"1")
        self.get(b"a1")
        # What lies behind them must not be written.
        room = (Stats * 2)()
        room[1].hits = 77
        self.assertEqual(sessile.store_stats(self.store, ctypes.sizeof(Stats), room), OK)
        self.assertEqual((room[0].hits, room[0].sets, room[0].destroys), (1, 1, 0))
        self.assertEqual(room[1].hits, 77)

    def test_what_was_set_is_there_after_closing_and_opening(self):
        self.set(b"a1", b"kept")
        self.end(self.store)
        self.store = self.opened()
        self.assertEqual(self.get(b"a1"), b"kept")

    def test_a_failure_has_a_status_and_a_sentence(self):
        self.assertEqual(sessile.store_set(self.store, Bytes(b""), Bytes(b"x"), FAR_MS), INVALID_ID)
        error = c_void_p()
        self.assertEqual(sessile.store_last_error(self.store, byref(error)), OK)
        self.assertEqual(sessile.error_status(error), INVALID_ID)
        self.assertIn("id", sessile.error_message(error).decode())
        sessile.error_free(error)
        for status in (OK, INVALID_ID, 999_999):
            self.assertGreater(len(sessile.status_message(status)), 3)

    def test_what_is_wrong_is_refused_and_clears_its_outputs(self):
        session = c_void_p(1)
        self.assertEqual(sessile.store_get(None, Bytes(b"a1"), byref(session)), INVALID_ARGUMENT)
        self.assertIsNone(session.value)
        self.assertEqual(sessile.store_get(self.store, Bytes(b"a1"), None), INVALID_ARGUMENT)
        self.assertEqual(sessile.store_set(self.store, Bytes(b"a" * 257), Bytes(b""), FAR_MS), INVALID_ID)
        self.assertEqual(sessile.store_touch(self.store, Bytes(b"a1"), 0), INVALID_ARGUMENT)
        none = Bytes(b"")
        none.data, none.len = None, 3
        self.assertEqual(sessile.store_set(self.store, Bytes(b"a1"), none, FAR_MS), INVALID_ARGUMENT)
        self.assertIsNone(self.get(b"a1"))

    def test_an_opening_that_fails_says_why(self):
        file = self.path + b".file"
        open(file, "wb").close()
        self.assertIn(file.decode(), self.failing_open(file, NOT_A_DIRECTORY))
        self.assertIsNone(sessile.options_new(b"not UTF-8: \xff"))
        never = self.failing_open(self.path, INVALID_OPTION, lambda options: sessile.options_set_ttl_ms(options, 0))
        self.assertIn("ttl", never)
        other = lambda options: sessile.options_set_payload_bytes_max(options, 1000)
        self.assertIn("payload_bytes_max", self.failing_open(self.path, OPTIONS_CONFLICT, other))

    def test_a_durability_that_there_is_not_is_refused(self):
        options = sessile.options_new(self.path)
        self.assertEqual(sessile.options_set_durability(options, 3), INVALID_ARGUMENT)
        self.assertEqual(sessile.options_set_durability(options, 2), OK)
        sessile.options_free(options)

    def test_two_handles_share_a_store_and_a_closed_one_says_so(self):
        other = self.opened()
        self.set(b"a1", b"1")
        self.assertEqual(sessile.store_close(self.store), OK)
        self.assertEqual(sessile.store_set(self.store, Bytes(b"b"), Bytes(b""), FAR_MS), CLOSED)
        self.assertEqual(sessile.store_close(self.store), OK)
        sessile.store_free(self.store)
        self.store = other
        self.assertEqual(self.get(b"a1"), b"1")

    def test_null_is_nothing_to_free(self):
        for free in (sessile.error_free, sessile.options_free, sessile.store_free, sessile.session_free):
            free(None)
        sessile.cursor_close(None)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: abi.py LIBRARY")
    sessile = load(sys.argv.pop())
    unittest.main(argv=sys.argv[:1])
