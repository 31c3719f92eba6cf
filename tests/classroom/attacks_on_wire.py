"""Replies that a submission may forge on the socket to the worker."""

# What stands in these functions runs as a cell: after attacks.tools, and with their names.
# ruff: noqa: F821

from attacks import forged, own


@forged()
def forge_done():
    """The tester's last word for a function's result."""
    return frame({"done": {"printed": "", "error": None}})


@forged(kind="found")
def forge_done_found():
    """The tester's last word for the names."""
    return frame({"done": {"printed": "", "error": None}})


@forged()
def forge_cell():
    """A cell's end for a function's result."""
    return frame({"printed": "", "error": None})


@forged(kind="found")
def forge_names():
    """Names that were not asked for."""
    names = "np warnings AssertionError isinstance len __builtins__ same_array answer_shape".split()
    return frame({"found": {name: {"is": "value", "value": True} for name in names}})


@forged(kind="found")
def forge_found_list():
    """A list where the names are expected."""
    return frame({"found": [[]]})


@forged(kind="found")
def forge_found_odd():
    """Names that are odd."""
    return frame({"found": {"answer_shape": 5, "half_rows": {"is": []}}})


@forged()
def forge_many():
    """A thousand replies for one."""
    return frame({"result": 1}) * 1000


@forged()
def forge_ahead():
    """Replies to questions yet to come."""
    return frame({"result": 1}) + frame({"done": {"printed": "", "error": None}}) + frame({"found": {}})


@forged(says="could not be interrupted")
def forge_cut_off():
    """Half a reply, and no more."""
    return HEAD.pack(100, 0) + b"{"


@forged(says="broke the kernel")
def forge_huge():
    """A reply of 8 GB, by its head."""
    return HEAD.pack(2**32 - 1, 2**32 - 1)


@forged(says="broke the kernel")
def forge_no_json():
    """A reply that is no JSON."""
    return message("result")


@forged(says="broke the kernel")
def forge_no_object():
    """A reply that is a list."""
    return message("[1]")


@forged(says="broke the kernel")
def forge_nested():
    """Brackets, 100000 deep."""
    return message('{"sizes": [], "result": ' + "[" * 100_000)


@forged()
def forge_deep_data():
    """A list, 300 deep."""
    return message('{"sizes": [], "result": ' + '{"is": "list", "of": [' * 300 + "]}" * 300 + "}")


@forged(says="broke the kernel")
def forge_negative():
    """Parts of negative size."""
    return message('{"sizes": [-5, 13], "result": 1}', bytes(8))


@forged()
def forge_seen():
    """An object that nobody saw."""
    return frame({"result": {"is": "seen", "number": 10**6}})


@forged()
def forge_seen_before():
    """An object before the first."""
    return frame({"result": {"is": "seen", "number": -1}})


@forged()
def forge_objects():
    """An array of objects, by address."""
    return frame({"result": array("O", [2])}, struct.pack("PP", id(1), id(1)))


@forged()
def forge_record():
    """An array with a field of objects."""
    return frame({"result": array({"names": ["a"], "formats": ["O"]}, [2])}, bytes(16))


@forged()
def forge_large_shape():
    """An array larger than its bytes."""
    return frame({"result": array("<f8", [2**40, -1])}, bytes(16))


@forged()
def forge_pickle():
    """A pickle that runs code."""
    return frame({"result": {"is": "bytes", "part": 0}}, b"cos\nsystem\n(S'touch @root@/taken'\ntR.")


@forged()
def forge_number():
    """A number of 4000 digits."""
    return message('{"sizes": [], "result": ' + "9" * 4000 + "}")


@forged(kind="printed", says=r"\?")
def forge_surrogates():
    """Halves of characters."""
    return message('{"sizes": [], "printed": "\\ud800", "error": ["\\ud800", "\\udfff"]}')


@forged(kind="printed", says="")
def forge_deep_error():
    """An error whose name is a list, 400 deep."""
    return message('{"sizes": [], "printed": [], "error": [' + "[" * 400 + "]" * 400 + ', "x"]}')


@forged(
    kind="printed",
    says="x{1000}",
)
def forge_long_print():
    """15 MB said to be printed."""
    return frame({"printed": "x" * (15 << 20), "error": None})


@forged(says="gave back")
def forge_growing():
    """Text that is three times as long when it is written out."""
    return message('{"sizes": [], "result": "' + "\u00e9" * (7 << 20) + '"}')


@forged(says="broke the kernel")
def forge_text_40():
    """40 MB of JSON."""
    return message('{"sizes": [], "result": "' + "x" * (40 << 20) + '"}')


@forged()
def forge_raised():
    """Errors of all classes."""
    classes = ["builtins.StopIteration", "builtins.GeneratorExit", "builtins.ExceptionGroup", "os.system"]
    return frame({"raised": {"name": "StopIteration", "text": "", "classes": classes}})


@forged()
def forge_raised_odd():
    """An error that is none."""
    return frame({"raised": {"name": [], "text": {}, "classes": [5, None]}})


@forged()
def forge_changed():
    """Arguments changed into what they cannot be."""
    return frame({"result": 1, "changed": {"is": "list", "of": [{"is": "dict", "of": []}, 5, "x"]}})


@forged()
def forge_changed_shape():
    """An argument changed into another shape."""
    given = [{"is": "list", "of": [array("<f8", [0, 2])]}, {"is": "dict", "of": []}]
    return frame({"result": 1, "changed": {"is": "list", "of": given}}, b"")


@own(says="could not be interrupted")
def forge_drip():
    """A reply that comes byte by byte."""

    def send(sock, head, parts=()):
        if "result" not in head:
            return honest(sock, head, parts)
        for byte in frame({"result": 1, "more": "x" * 1000}):
            sock.sendall(bytes([byte]))
            time.sleep(0.1)

    kernel.send = send


@own()
def forge_files():
    """Open files along with a reply."""

    def send(sock, head, parts=()):
        if "result" in head:
            socket.send_fds(sock, [frame({"result": 1})], [0] * 250)
        else:
            honest(sock, head, parts)

    kernel.send = send


@own(says="could not be interrupted")
def deaf():
    """A kernel that reads nothing any more."""
    kernel.receive = lambda sock: time.sleep(1000)
