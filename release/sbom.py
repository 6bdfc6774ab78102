"""Writes the inventory as a software bill of materials, CycloneDX 1.6 in JSON, and holds it to the schema."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections import Counter
from collections.abc import Iterable

from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component as Part
from cyclonedx.model.component import ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from cyclonedx.model.license import LicenseAcknowledgement, LicenseExpression
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from lakehouse.version import VERSION
from release.component import Component, Source
from release.inventory import Inventory

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "lakehouse.sbom")


class SbomError(ValueError):
    """What was written is no CycloneDX document; the message says where."""


def written(inventory: Inventory, made_at: dt.datetime) -> str:
    """The document. The same inventory at the same time gives the same text.

    Raises:
        SbomError: CycloneDX's schema refuses it.
    """
    bom = Bom(metadata=_metadata(inventory, made_at), components=[])
    root = bom.metadata.component
    assert root is not None, "it was just given"
    parts: dict[str, Part] = {}
    for number, component in enumerate(inventory.top()):
        part = _part(component, str(number))
        bom.components.add(part)
        if component.kind == "pypi":
            parts[component.name] = part
    for component in inventory.packages:
        bom.register_dependency(parts[component.name], [parts[name] for name in component.needs if name in parts])
    bom.register_dependency(root, bom.components)
    bom.serial_number = uuid.uuid5(_NAMESPACE, f"{made_at.isoformat()} {_digest(inventory)}")
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    validate(text)
    return f"{text}\n"


def validate(text: str) -> None:
    """Holds a document to the schema of CycloneDX 1.6, unknown fields refused.

    Raises:
        SbomError: it breaks the schema.
    """
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise SbomError(f"the bill of materials breaks CycloneDX's schema: {str(error.data)[:500]}")
    if not json.loads(text)["components"]:
        raise SbomError("the bill of materials lists nothing")


def summary(inventory: Inventory) -> dict[str, int]:
    """How many components there are of each sort, and of how many the licence is unknown."""
    every = inventory.all()
    sources = Counter(each.licence.source for each in every)
    return {
        "packages": len(inventory.packages),
        "jars": len(inventory.jars),
        "inside of jars": len(every) - len(inventory.top()),
        "licence said by itself": sources[Source.ITSELF],
        "licence looked up": sources[Source.POLICY],
        "licence unknown": sources[Source.NOBODY],
    }


def purl(component: Component) -> PackageURL:
    """The component's package URL."""
    qualifiers = {"classifier": component.classifier} if component.classifier else {}
    if component.suffix != "jar":
        qualifiers["type"] = component.suffix
    return PackageURL(component.kind, component.group or None, component.name, component.version or None, qualifiers)


def _metadata(inventory: Inventory, made_at: dt.datetime) -> BomMetaData:
    root = Part(type=ComponentType.APPLICATION, name="lakehouse", version=VERSION, bom_ref="lakehouse")
    counted = [Property(name=f"lakehouse:{name}", value=str(number)) for name, number in summary(inventory).items()]
    tools = ToolRepository(components=[this_component()])
    return BomMetaData(timestamp=made_at, component=root, properties=counted, tools=tools)


def _part(component: Component, number: str) -> Part:
    """`number` makes its reference the only one, since one artifact may be inside of many jars."""
    said = component.licence
    by_itself = said.source is Source.ITSELF
    how = LicenseAcknowledgement.DECLARED if by_itself else LicenseAcknowledgement.CONCLUDED
    ref = f"{purl(component).to_string()}#{number}"
    return Part(
        type=ComponentType.LIBRARY,
        group=component.group or None,
        name=component.name,
        version=component.version or None,
        bom_ref=ref,
        purl=purl(component),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in component.sha256],
        licenses=[LicenseExpression(said.expression, acknowledgement=how)] if said.expression else [],
        properties=[*_properties(component)],
        evidence=ComponentEvidence(
            occurrences=[Occurrence(bom_ref=f"{ref}@{where}", location=where) for where in component.where]
        ),
        components=[_part(each, f"{number}.{inner}") for inner, each in enumerate(component.inside)],
    )


def _properties(component: Component) -> Iterable[Property]:
    yield Property(name="lakehouse:licence-said-by", value=component.licence.source.value)
    if component.licence.expression is None:
        yield Property(name="lakehouse:licence", value="unknown")
    for place in component.places:
        yield Property(name="lakehouse:place", value=place)


def _digest(inventory: Inventory) -> str:
    """Changes whenever the content of the document does."""
    return str(uuid.uuid5(_NAMESPACE, repr([VERSION, *inventory.top()])))
