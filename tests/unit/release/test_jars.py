"""Jars are read as what they are: plain, shaded, with jars inside, and told by their name alone."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from release.jars import JarError, read_all, read_jar
from tests.unit.release.made import artifact, packed, write

GROUPS = {"org.things": ["lonely", "zstd-*", "abc.d...f_thing"], "org.two": ["sdk-1.11"]}


def test_a_jar_is_the_artifact_that_its_own_pom_says_with_its_licence() -> None:
    read = read_jar("thing-1.0.jar", packed(artifact("org.a", "thing", "1.0", "Apache 2", "MIT")), "x", GROUPS)
    assert (read.key, read.version, read.says, read.inside) == ("org.a:thing", "1.0", ("Apache 2", "MIT"), ())


def test_a_shaded_jar_is_opened_and_each_thing_inside_has_a_licence_of_its_own() -> None:
    files = (
        artifact("org.a", "uber", "2.0", "MIT")
        | artifact("org.b", "inner", "3.1", "CDDL")
        | artifact("org.c", "silent", "4")
    )
    read = read_jar("uber-2.0.jar", packed(files), ".servers/x/uber-2.0.jar", GROUPS)
    assert (read.key, read.says) == ("org.a:uber", ("MIT",))
    assert [(each.key, each.version, each.says) for each in read.inside] == [
        ("org.b:inner", "3.1", ("CDDL",)), ("org.c:silent", "4", ()),
    ]  # fmt: skip
    assert read.inside[0].where == (".servers/x/uber-2.0.jar!/META-INF/maven/org.b/inner/pom.properties",)


def test_poms_that_were_moved_by_the_shading_count_too_and_twice_is_once() -> None:
    inner = artifact("org.b", "inner", "3.1")
    moved = {f"shaded/{name}": content for name, content in (inner | artifact("org.c", "far", "1")).items()}
    read = read_jar("lonely-1.jar", packed(inner | moved), "x", GROUPS)
    assert [each.key for each in read.inside] == ["org.b:inner", "org.c:far"]


def test_a_jar_inside_of_a_jar_is_opened_too_and_has_a_hash() -> None:
    deepest = packed(artifact("org.c", "deep", "1") | artifact("org.d", "deeper", "2"))
    read = read_jar("lonely-1.jar", packed({"libs/deep-1.jar": deepest}), "lonely-1.jar", GROUPS)
    (deep,) = read.inside
    assert (deep.key, deep.sha256) == ("org.c:deep", (hashlib.sha256(deepest).hexdigest(),))
    assert [(each.key, each.where) for each in deep.inside] == [
        ("org.d:deeper", ("lonely-1.jar!/libs/deep-1.jar!/META-INF/maven/org.d/deeper/pom.properties",))
    ]


@pytest.mark.parametrize(
    ("file_name", "key", "version", "classifier"),
    [
        ("lonely-1.2.jar", "org.things:lonely", "1.2", ""),
        ("zstd-jni-1.5.6-10.jar", "org.things:zstd-jni", "1.5.6-10", ""),
        ("sdk-1.11-2.16.0-alpha.jar", "org.two:sdk-1.11", "2.16.0-alpha", ""),
        ("lonely-476-services.jar", "org.things:lonely", "476", "services"),
        ("org.full_thing-3.jar", "org.full:thing", "3", ""),
        ("abc.d...f_thing-3.jar", "org.things:thing", "3", ""),
        ("lonely.jar", "org.things:lonely", "", ""),
    ],
)
def test_without_a_pom_the_name_tells_which_artifact_it_is(
    file_name: str, key: str, version: str, classifier: str
) -> None:
    read = read_jar(file_name, packed({}), "x", GROUPS)
    assert (read.key, read.version, read.classifier) == (key, version, classifier)


def test_of_many_poms_the_one_that_the_name_repeats_is_the_jars_own() -> None:
    files = artifact("org.a", "core", "1") | artifact("org.a", "my-core", "1") | artifact("org.a", "other", "1")
    for file_name, classifier in (
        ("my-core-1.jar", ""),
        ("org.a_my-core-1.jar", ""),
        ("my-core-1-shaded.jar", "shaded"),
    ):
        read = read_jar(file_name, packed(files), "x", GROUPS)
        assert (read.key, read.classifier) == ("org.a:my-core", classifier)
        assert [each.name for each in read.inside] == ["core", "other"]


def test_a_name_without_version_has_that_of_the_manifest() -> None:
    manifest = "Manifest-Version: 1.0\r\nImplementation-Version: 7.1\r\n"
    assert read_jar("lonely.jar", packed({"META-INF/MANIFEST.MF": manifest}), "x", GROUPS).version == "7.1"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("Apache-2.0", ("Apache-2.0",)),
        ('"Apache-2.0";link="https://a,b"', ("Apache-2.0",)),
        ("https://a/epl;description=EPL, https://a/edl", ("https://a/epl", "https://a/edl")),
        ("https://a/very-lo\r\n ng", ("https://a/very-long",)),
    ],
)
def test_where_no_pom_says_the_licence_the_manifest_does(line: str, says: tuple[str, ...]) -> None:
    files = {"META-INF/MANIFEST.MF": f"Manifest-Version: 1.0\r\nBundle-License: {line}\r\nX: y\r\n"}
    assert read_jar("lonely-1.jar", packed(artifact("org.things", "lonely", "1") | files), "x", GROUPS).says == says


def test_the_text_of_a_licence_counts_where_its_title_leaves_no_doubt() -> None:
    text = "\n    Apache License\n    Version 2.0, January 2004\n"
    assert read_jar("lonely-1.jar", packed({"META-INF/LICENSE.txt": text}), "x", GROUPS).says == ("Apache-2.0",)
    later = "Of all: MIT\n" + "x" * 1000 + text
    assert read_jar("lonely-1.jar", packed({"META-INF/LICENSE": later}), "x", GROUPS).says == ()
    assert read_jar("lonely-1.jar", packed({"META-INF/LICENSE-inner": text}), "x", GROUPS).says == ()


def test_what_cannot_be_read_or_named_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(JarError, match="no.jar is no jar: .*make jars"):
        read_jar("no.jar", b"nothing", "no.jar", GROUPS)
    with pytest.raises(
        JarError, match="some/new-1.jar: nothing tells the group of new; .*licences.yaml under `groups`"
    ):
        read_jar("new-1.jar", packed({}), "some/new-1.jar", GROUPS)


def test_one_content_in_several_places_is_one_component(tmp_path: Path) -> None:
    first = write(tmp_path / "one" / "lonely-1.jar", {"a": "b"})
    (tmp_path / "two").mkdir()
    linked, other = tmp_path / "two" / "lonely-1.jar", write(tmp_path / "two" / "zstd-x-1.jar", {})
    os.link(first, linked)
    found = read_all({file: str(file.relative_to(tmp_path)) for file in (linked, other, first)}, GROUPS)
    assert [(each.name, each.places, each.where) for each in found] == [
        ("lonely", ("one", "two"), ("one/lonely-1.jar", "two/lonely-1.jar")),
        ("zstd-x", ("two",), ("two/zstd-x-1.jar",)),
    ]
    assert found[0].sha256 == (hashlib.sha256(first.read_bytes()).hexdigest(),)
