import zipfile

import pytest
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
from mediapipe.tasks.metadata import schema_py_generated as schema

from pushup_data import pose_model, tflite
from pushup_data.workspace import CHECKOUT


@pytest.fixture(scope="module")
def normalised() -> bytes:
    """The landmark network as it lies in the built .task: metadata was put in front of it."""
    with zipfile.ZipFile(CHECKOUT / "models" / "pose" / "pose_landmarker_full.task") as archive:
        return archive.read(pose_model.LANDMARKS)


@pytest.fixture(scope="module")
def plain(normalised) -> bytes:
    """The network as packaged: what was put in front is cut off."""
    start = next(at for at in range(16, len(normalised), 16) if normalised[at + 4 : at + 8] == b"TFL3")
    return normalised[start:]


def parts(network: bytes):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(network, 0))


def test_the_old_network_stays_as_it_is_behind_the_new_head(plain, normalised):
    assert tflite.with_normalisation(plain, 0.0, 255.0) == normalised
    assert normalised.endswith(plain)
    assert (len(normalised) - len(plain)) % 16 == 0
    old, new = parts(plain), parts(normalised)
    assert new.version == old.version
    assert new.description == old.description
    assert len(new.operatorCodes) == len(old.operatorCodes)
    assert len(new.subgraphs[0].operators) == len(old.subgraphs[0].operators)
    assert [t.name for t in new.subgraphs[0].tensors] == [t.name for t in old.subgraphs[0].tensors]
    assert len(new.buffers) == len(old.buffers) + 1
    for a, b in zip(old.buffers, new.buffers, strict=False):
        assert (a.data is None) == (b.data is None)
        assert a.data is None or bytes(a.data) == bytes(b.data)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 255.0), (127.5, 127.5)])
def test_the_metadata_says_how_pixels_are_normalised(plain, mean, std):
    model = parts(tflite.with_normalisation(plain, mean, std))
    entry = next(e for e in model.metadata if e.name == tflite.METADATA_NAME)
    content = bytes(model.buffers[entry.buffer].data)
    found = metadata_schema.ModelMetadataT.InitFromObj(
        metadata_schema.ModelMetadata.GetRootAsModelMetadata(content, 0)
    )
    (image,) = found.subgraphMetadata[0].inputTensorMetadata
    options = image.processUnits[0].options
    assert (list(options.mean), list(options.std)) == ([mean], [std])
    assert len(found.subgraphMetadata[0].outputTensorMetadata) == len(model.subgraphs[0].outputs)


def test_a_network_that_has_it_is_left_alone(normalised):
    assert tflite.with_normalisation(normalised, 1.0, 2.0) == normalised
