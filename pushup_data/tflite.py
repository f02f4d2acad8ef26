"""What a TensorFlow Lite network says about its input: how pixels are to be normalised."""

import struct
from typing import Any

METADATA_NAME = b"TFLITE_METADATA"
_BUFFERS, _METADATA = 4, 6  # fields of the Model table in TensorFlow Lite's schema
_FIELDS = 8  # that this schema's Model table can have


class _Head:
    """Bytes that are put in front of an old file; places are counted from the head's start."""

    def __init__(self, size: int) -> None:
        self.bytes = bytearray(size)

    def put(self, at: int, layout: str, *values: Any) -> None:
        """Write values, little-endian, in the layout of `struct`."""
        struct.pack_into("<" + layout, self.bytes, at, *values)

    def refer(self, at: int, to: int) -> None:
        """Write a flatbuffer's reference: how far ahead the target lies."""
        self.put(at, "I", to - at)

    def refer_to_all(self, at: int, places: list[int]) -> None:
        """Write a vector of references."""
        self.put(at, "I", len(places))
        for i, place in enumerate(places):
            self.refer(at + 4 + 4 * i, place)


def with_normalisation(network: bytes, mean: float, std: float) -> bytes:
    """Add metadata saying that pixels become (value - mean) / std, where the network has none.

    A TensorFlow Lite file is a flatbuffer, whose references all point forward and are relative. So a new
    root is put in front, which refers to the old file's parts and to the added ones; the old bytes stay as
    they are. (Writing the whole file anew through the flatbuffers library gives other bytes with each of
    its versions, so that its SHA-256 could not be checked.)
    """
    from mediapipe.tasks.metadata import schema_py_generated as schema

    old = schema.Model.GetRootAsModel(network, 0)
    if any(old.Metadata(i).Name() == METADATA_NAME for i in range(old.MetadataLength())):
        return network
    table = old._tab
    added = _metadata(mean, std, outputs=old.Subgraphs(0).OutputsLength())

    def elements(number: int) -> list[int]:
        """Return where in the old file the tables in the root's vector `number` lie."""
        if not (offset := table.Offset(4 + 2 * number)):
            return []
        start = table.Vector(offset)
        return [table.Indirect(start + 4 * i) for i in range(table.VectorLen(offset))]

    buffers, entries = elements(_BUFFERS), elements(_METADATA)
    # Places in the head, in the order in which its parts lie.
    vtable, root = 8, 28
    buffer_vector = root + 4 + 4 * _FIELDS
    entry_vector = buffer_vector + 4 * (len(buffers) + 2)
    entry = entry_vector + 4 * (len(entries) + 2) + 8  # each table after its vtable of 8 bytes
    name = entry + 12
    buffer = name + 4 + len(METADATA_NAME) + 1 + 8
    content = _up(buffer + 8 + 4, 16)  # TensorFlow Lite wants buffers at multiples of 16
    head = _Head(_up(content + len(added), 16))
    behind = len(head.bytes)  # what is added to places of the old file

    head.put(0, "I4s", root, b"TFL3")
    offsets = [0] * _FIELDS
    for number in range(_FIELDS):
        at = root + 4 + 4 * number
        before = table.Offset(4 + 2 * number)
        if before or number in (_BUFFERS, _METADATA):
            offsets[number] = at - root
        if number == 0:
            head.put(at, "I", old.Version())
        elif number == _BUFFERS:
            head.refer(at, buffer_vector)
        elif number == _METADATA:
            head.refer(at, entry_vector)
        elif before:
            head.refer(at, behind + table.Indirect(table.Pos + before))
    head.put(vtable, f"HH{_FIELDS}H", 4 + 2 * _FIELDS, 4 + 4 * _FIELDS, *offsets)
    head.put(root, "i", root - vtable)
    head.refer_to_all(buffer_vector, [*(behind + place for place in buffers), buffer])
    head.refer_to_all(entry_vector, [*(behind + place for place in entries), entry])
    head.put(entry - 8, "HHHHi", 8, 12, 4, 8, 8)
    head.refer(entry + 4, name)
    head.put(entry + 8, "I", len(buffers))  # the added buffer's number
    head.put(name, f"I{len(METADATA_NAME)}s", len(METADATA_NAME), METADATA_NAME)
    head.put(buffer - 8, "HHHHi", 6, 8, 4, 0, 8)
    head.refer(buffer + 4, content - 4)
    head.put(content - 4, f"I{len(added)}s", len(added), added)
    return bytes(head.bytes) + network


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _metadata(mean: float, std: float, outputs: int) -> bytes:
    """Return a metadata flatbuffer: one RGB image in, `outputs` tensors out."""
    import flatbuffers
    from mediapipe.tasks.metadata import metadata_schema_py_generated as schema

    def new(kind: str, /, **fields: Any) -> Any:
        made = getattr(schema, kind)()
        for field, value in fields.items():
            setattr(made, field, value)
        return made

    picture = new(
        "ContentT",
        contentPropertiesType=schema.ContentProperties.ImageProperties,
        contentProperties=new("ImagePropertiesT", colorSpace=schema.ColorSpaceType.RGB),
    )
    normalisation = new(
        "ProcessUnitT",
        optionsType=schema.ProcessUnitOptions.NormalizationOptions,
        options=new("NormalizationOptionsT", mean=[mean], std=[std]),
    )
    limits = new("StatsT", max=[(255.0 - mean) / std], min=[(0.0 - mean) / std])
    image = new("TensorMetadataT", name=b"image", content=picture, processUnits=[normalisation], stats=limits)
    graph = new(
        "SubGraphMetadataT",
        inputTensorMetadata=[image],
        outputTensorMetadata=[new("TensorMetadataT", name=b"out%d" % i) for i in range(outputs)],
    )
    root = new("ModelMetadataT", name=b"pose", subgraphMetadata=[graph])
    builder = flatbuffers.Builder(0)
    builder.Finish(root.Pack(builder), b"M001")
    return bytes(builder.Output())
