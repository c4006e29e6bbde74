"""Entity linking: names in a text to the entities of a knowledge base (Su 6919)."""

from typing import TYPE_CHECKING

from zoo.lazy import attach

if TYPE_CHECKING:
    from zoo.linking.behaviour import Behaviour as Behaviour
    from zoo.linking.joint import JointLinker as JointLinker
    from zoo.linking.knowledge.base import KnowledgeBase as KnowledgeBase
    from zoo.linking.knowledge.entities import Entity as Entity
    from zoo.linking.knowledge.entities import read_entities as read_entities
    from zoo.linking.linker import Linker as Linker
    from zoo.linking.linker import Mention as Mention
    from zoo.linking.net import TransformerLinker as TransformerLinker
    from zoo.linking.texts import Gold as Gold
    from zoo.linking.texts import LinkedText as LinkedText
    from zoo.linking.texts import read_texts as read_texts

attach(__name__, __file__)
