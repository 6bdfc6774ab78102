"""Reads jars: which artifact each is, what was shaded into it, and which licences its files name.

A shaded jar keeps META-INF/maven/GROUP/ARTIFACT/pom.properties of what it was made of; a jar within a jar is opened too.
What keeps no such file, as some shading tools leave it, is not found.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from xml.etree import ElementTree

from release.component import Component

_PROPERTIES = re.compile(r"(?:.*/)?META-INF/maven/([^/]+)/([^/]+)/pom\.properties")
_LICENCE_FILE = re.compile(r"(?:META-INF/)?LICEN[CS]E(?:\.txt|\.md)?", re.IGNORECASE)
_APACHE = re.compile(r"Apache License\s+Version 2\.0, January 2004")
_CLASSIFIER = re.compile(r"-(services|tests|shaded|executable)$")
Groups = Mapping[str, Sequence[str]]
_TITLE = 600  # characters in which a text of a licence says which it is


class JarError(ValueError):
    """A file is no jar that can be listed; the message names it."""


@dataclass(frozen=True)
class _Pom:
    """What a pom.properties file says."""

    path: str
    group: str
    name: str
    version: str


def read_all(files: Mapping[Path, str], groups: Groups) -> list[Component]:
    """One component a file content; files of one content, such as links, are one component in several places.

    `files`: each with the path that it is shown under. `groups`: those of artifacts that neither the jar nor its name
    tells, each with what the names of its jars begin with.
    """
    found: dict[str, Component] = {}
    for file, path in sorted(files.items(), key=lambda each: each[1]):
        digest = _sha256(file)
        place = str(Path(path).parent)
        if digest in found:
            same = found[digest]
            places = tuple(dict.fromkeys([*same.places, place]))
            found[digest] = replace(same, places=places, where=(*same.where, path))
        else:
            read = read_jar(file.name, file.read_bytes(), path, groups)
            found[digest] = replace(read, sha256=(digest,), places=(place,), where=(path,))
    return list(found.values())


def read_jar(file_name: str, content: bytes, path: str, groups: Groups) -> Component:
    """The artifact, and inside of it what it was made of.

    Raises:
        JarError: it is no zip file, or nothing tells its name and version.
    """
    try:
        jar = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile as error:
        raise JarError(f"{path} is no jar: {error}; fetch it again with `make jars`") from error
    with jar:
        poms = [_pom(jar, name, found) for name in jar.namelist() if (found := _PROPERTIES.fullmatch(name))]
        pom_path, own = _own(jar, file_name, poms, groups, path)
        says = _of_pom(jar, pom_path) or _of_manifest(jar) or _of_licence_file(jar)
        inside = [
            Component(
                "maven", pom.group, pom.name, pom.version, says=_of_pom(jar, pom.path), where=(f"{path}!/{pom.path}",)
            )
            for pom in poms
            if (pom.group, pom.name) != (own.group, own.name)
        ]
        for name in jar.namelist():
            if name.endswith(".jar"):
                nested = jar.read(name)
                there = f"{path}!/{name}"
                digest = hashlib.sha256(nested).hexdigest()
                inside.append(
                    replace(read_jar(Path(name).name, nested, there, groups), sha256=(digest,), where=(there,))
                )
    return replace(own, says=says, inside=_without_repeats(inside))


def _without_repeats(components: Sequence[Component]) -> tuple[Component, ...]:
    """Each artifact of a version once, in the order of their names."""
    once = {(each.key, each.version): each for each in reversed(components)}
    return tuple(once[key] for key in sorted(once))


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _pom(jar: zipfile.ZipFile, path: str, found: re.Match[str]) -> _Pom:
    lines = (line.partition("=") for line in jar.read(path).decode("utf-8", "replace").splitlines())
    said = {name.strip(): value.strip() for name, _, value in lines}
    return _Pom(path, said.get("groupId", found[1]), said.get("artifactId", found[2]), said.get("version", ""))


def _own(
    jar: zipfile.ZipFile, file_name: str, poms: Sequence[_Pom], groups: Groups, path: str
) -> tuple[str, Component]:
    """Which artifact the jar itself is: that of the pom whose path is given, else what its name and `groups` tell."""
    stem = file_name.removesuffix(".jar")
    fitting = [pom for pom in poms if pom.version and _is_called(stem, pom)]
    if fitting:
        pom = max(fitting, key=lambda pom: len(pom.name))
        classifier = stem.rpartition(f"-{pom.version}")[2].lstrip("-")
        return pom.path, Component("maven", pom.group, pom.name, pom.version, classifier=classifier)
    found = re.search(r"^(?:Implementation|Bundle|Specification)-Version: *(\S+)", _manifest(jar), re.MULTILINE)
    return "", named(stem, groups, path, found[1] if found else "")


def named(stem: str, groups: Groups, path: str, version: str = "") -> Component:
    """The artifact that a file's name without its ending tells. `version`: if the name tells none.

    Raises:
        JarError: neither the name nor `groups` tells its group.
    """
    splits = [(stem[: cut.start()], stem[cut.end() :]) for cut in re.finditer(r"-(?=\d)", stem)] or [(stem, version)]
    for name, rest in splits:
        for group, patterns in groups.items():
            if any(fnmatchcase(name, pattern) for pattern in patterns):
                artifact = name.partition("_")[2] if "..." in name else name.removeprefix(f"{group}_")
                return _of_version(group, artifact, rest)
    name, rest = splits[0]
    group, cut, artifact = name.partition("_")  # Trino calls its jars GROUP_ARTIFACT-VERSION.jar
    if cut and "." in group and "..." not in group:
        return _of_version(group, artifact, rest)
    raise JarError(
        f"{path}: nothing tells the group of {name}; look it up in Maven and add it to release/licences.yaml under `groups`"
    )


def _of_version(group: str, name: str, version: str) -> Component:
    """`version`: with the classifier behind it, if the file's name has one."""
    found = _CLASSIFIER.search(version)
    if not found:
        return Component("maven", group, name, version)
    return Component("maven", group, name, version.removesuffix(found[0]), classifier=found[1])


def _is_called(stem: str, pom: _Pom) -> bool:
    """Whether a jar of that name is that artifact: ARTIFACT-VERSION, GROUP_ARTIFACT-VERSION, with a classifier or not."""
    return bool(re.fullmatch(rf"(?:.*_)?{re.escape(pom.name)}-{re.escape(pom.version)}(?:-[a-z][\w-]*)?", stem))


def _of_pom(jar: zipfile.ZipFile, properties: str) -> tuple[str, ...]:
    """The licences that the pom.xml beside a pom.properties names; a parent's, which is not there, are not known."""
    path = properties.removesuffix(".properties") + ".xml"
    if path not in jar.NameToInfo:
        return ()
    try:
        top = ElementTree.fromstring(jar.read(path))
    except ElementTree.ParseError:
        return ()  # a template that was never filled in
    found = [
        each.findtext("{*}name") or each.findtext("{*}url") or "" for each in top.iterfind("{*}licenses/{*}license")
    ]
    return tuple(" ".join(name.split()) for name in found if name.strip())


def _of_manifest(jar: zipfile.ZipFile) -> tuple[str, ...]:
    """The licences of the manifest's Bundle-License, without the attributes that OSGi allows behind each."""
    line = re.search(r"^Bundle-License: *(.+)$", _manifest(jar), re.MULTILINE)
    if not line:
        return ()
    parts = re.findall(r'((?:"[^"]*"|[^",])+)', line[1])
    return tuple(dict.fromkeys(part.partition(";")[0].strip().strip('"') for part in parts))


def _manifest(jar: zipfile.ZipFile) -> str:
    """Its text, with long lines joined again."""
    if "META-INF/MANIFEST.MF" not in jar.NameToInfo:
        return ""
    return re.sub(r"\r?\n ", "", jar.read("META-INF/MANIFEST.MF").decode("utf-8", "replace"))


def _of_licence_file(jar: zipfile.ZipFile) -> tuple[str, ...]:
    """Of the texts that jars come with, the one that its title names beyond doubt."""
    for name in jar.namelist():
        if _LICENCE_FILE.fullmatch(name) and _APACHE.search(jar.read(name).decode("utf-8", "replace")[:_TITLE]):
            return ("Apache-2.0",)
    return ()
