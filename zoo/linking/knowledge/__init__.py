"""Knowledge bases: entities with their names, in a folder that opens by memory mapping."""

from typing import TYPE_CHECKING

from zoo.lazy import attach

if TYPE_CHECKING:
    from zoo.linking.knowledge.base import KnowledgeBase as KnowledgeBase
    from zoo.linking.knowledge.base import Match as Match
    from zoo.linking.knowledge.entities import Entity as Entity
    from zoo.linking.knowledge.entities import read_entities as read_entities

attach(__name__, __file__)
