"""What the peers agree on: peers, collections, replicas, transfers, aliases. The log is applied
here, in the same way on every peer.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from .refusals import Refusal, bad_request, not_found, wrong_input

Json = Any
Op = dict[str, Any]
ACTIVE, DEAD, PARTIAL = "Active", "Dead", "Partial"
INITIALIZING, RECOVERY = "Initializing", "Recovery"


class NotApplicable(Exception):
    """An entry that no peer can apply: consensus ends with it."""


@dataclass
class Peer:
    uri: str
    voter: bool
    version: str | None = None


@dataclass
class Transfer:
    shard: int
    source: int
    target: int
    method: str
    sync: bool


@dataclass
class Collection:
    """A collection as agreed on; `config` has the form of `GET /collections/x`."""

    name: str
    config: Json
    uuid: str
    replicas: dict[int, dict[int, str]]
    transfers: list[Transfer] = field(default_factory=list)
    indexes: dict[str, Json] = field(default_factory=dict)

    def transfer(self, shard: int, target: int) -> Transfer | None:
        """What is under way to a replica."""
        found = [one for one in self.transfers if (one.shard, one.target) == (shard, target)]
        return found[0] if found else None


class ClusterState:
    """The agreed state of one peer. The caller holds the lock of consensus."""

    def __init__(self) -> None:
        self.peers: dict[int, Peer] = {}
        self.collections: dict[str, Collection] = {}
        self.aliases: dict[str, str] = {}

    def collection(self, name: str) -> Collection:
        """By name or alias.

        Raises:
            Refusal: 404, there is none.
        """
        found = self.collections.get(self.aliases.get(name, name))
        if found is None:
            raise not_found(name)
        return found

    def apply(self, op: Op) -> Json:
        """Applies one entry of the log.

        Returns:
            What the operation answers.

        Raises:
            Refusal: the operation cannot be done; the entry counts as applied.
            NotApplicable: the entry itself is impossible.
        """
        apply = getattr(self, f"_{op['kind']}")
        return apply(op)

    def _noop(self, _: Op) -> bool:
        return True

    def _add_peer(self, op: Op) -> bool:
        known = self.peers.get(op["peer"])
        voter = op.get("voter", False) or (known is not None and known.voter)
        self.peers[op["peer"]] = Peer(op["uri"], voter)
        return True

    def _promote(self, op: Op) -> bool:
        if op["peer"] in self.peers:
            self.peers[op["peer"]].voter = True
        return True

    def _metadata(self, op: Op) -> bool:
        if op["peer"] in self.peers:
            self.peers[op["peer"]].version = op["version"]
        return True

    def _remove_peer(self, op: Op) -> bool:
        self.peers.pop(op["peer"], None)
        for collection in self.collections.values():
            for replicas in collection.replicas.values():
                replicas.pop(op["peer"], None)
            collection.transfers = [
                one for one in collection.transfers if op["peer"] not in (one.source, one.target)
            ]
        return True

    def _create_collection(self, op: Op) -> bool:
        name = op["name"]
        if name in self.collections:
            raise Refusal(409, f"Wrong input: Collection `{name}` already exists!")
        if name in self.aliases:
            raise wrong_input(
                f"Can't create collection with name {name}. Alias with the same name already exists"
            )
        self.collections[name] = Collection(
            name,
            copy.deepcopy(op["config"]),
            op["uuid"],
            {
                int(shard): dict.fromkeys(peers, INITIALIZING)
                for shard, peers in op["replicas"].items()
            },
        )
        return True

    def _delete_collection(self, op: Op) -> bool:
        gone = self.collections.pop(op["name"], None)
        self.aliases = {key: to for key, to in self.aliases.items() if to != op["name"]}
        return gone is not None

    def _update_collection(self, op: Op) -> bool:
        config = self.collection(op["name"]).config
        for section, changes in op["changes"].items():
            if section == "quantization_config" or not isinstance(config.get(section), dict):
                config[section] = changes
            else:
                config[section] |= changes
        return True

    def _aliases(self, op: Op) -> bool:
        for action in op["actions"]:
            [(what, given)] = action.items()
            if what == "create_alias":
                if given["collection_name"] not in self.collections:
                    raise not_found(given["collection_name"])
                self.aliases[given["alias_name"]] = given["collection_name"]
            elif what == "delete_alias":
                self.aliases.pop(given["alias_name"], None)
            else:
                old = self.aliases.pop(given["old_alias_name"], None)
                if old is None:
                    raise Refusal(
                        404, f"Not found: Alias {given['old_alias_name']} does not exists!"
                    )
                self.aliases[given["new_alias_name"]] = old
        return True

    def _create_index(self, op: Op) -> bool:
        self.collection(op["name"]).indexes[op["field"]] = op["schema"]
        return True

    def _delete_index(self, op: Op) -> bool:
        self.collection(op["name"]).indexes.pop(op["field"], None)
        return True

    def _set_replica(self, op: Op) -> bool:
        collection = self.collections.get(op["name"])
        replicas = collection.replicas.get(op["shard"], {}) if collection else {}
        found = replicas.get(op["peer"])
        if collection is None or found is None or op.get("from", found) != found:
            return False
        if op["state"] == DEAD and not any(
            state == ACTIVE for peer, state in replicas.items() if peer != op["peer"]
        ):
            return False  # the last active replica is never given up
        replicas[op["peer"]] = op["state"]
        if op["state"] == DEAD:
            collection.transfers = [
                one
                for one in collection.transfers
                if one.shard != op["shard"] or op["peer"] not in (one.source, one.target)
            ]
        return True

    def _transfer_start(self, op: Op) -> bool:
        shard, source, target = op["shard"], op["source"], op["target"]
        collection = self.collection(op["name"])
        if op.get("method") is None:
            raise NotApplicable(
                f"Shard transfer {shard}:{source} -> {target} has no method set; the coordinating "
                "peer must pick a transfer method before submitting to consensus"
            )
        replicas = collection.replicas[shard]
        if collection.transfer(shard, target) is not None:
            raise bad_request(f"Shard {shard} is already involved in transfer {source} -> {target}")
        if replicas.get(source) != ACTIVE or target not in self.peers:
            raise bad_request(f"Shard {shard} is not active on peer {source}")
        replicas[target] = RECOVERY
        sync = op.get("sync", True)
        collection.transfers.append(Transfer(shard, source, target, op["method"], sync))
        return True

    def _transfer_partial(self, op: Op) -> bool:
        collection = self.collections.get(op["name"])
        if collection is None or collection.transfer(op["shard"], op["target"]) is None:
            return False
        collection.replicas[op["shard"]][op["target"]] = PARTIAL
        return True

    def _transfer_finish(self, op: Op) -> bool:
        collection = self.collections.get(op["name"])
        found = collection.transfer(op["shard"], op["target"]) if collection else None
        if collection is None or found is None:
            return False
        collection.transfers.remove(found)
        replicas = collection.replicas[op["shard"]]
        replicas[op["target"]] = ACTIVE
        if not found.sync:
            replicas.pop(found.source, None)
        return True

    def _transfer_abort(self, op: Op) -> bool:
        collection = self.collections.get(op["name"])
        found = collection.transfer(op["shard"], op["target"]) if collection else None
        if collection is None or found is None:
            return False
        collection.transfers.remove(found)
        if op["target"] in collection.replicas[op["shard"]]:
            collection.replicas[op["shard"]][op["target"]] = DEAD
        return True

    def _drop_replica(self, op: Op) -> bool:
        replicas = self.collection(op["name"]).replicas.get(op["shard"], {})
        if op["peer"] not in replicas:
            raise bad_request(f"Shard {op['shard']} has no replica on peer {op['peer']}")
        if sum(state == ACTIVE for state in replicas.values()) <= 1:
            raise bad_request(
                f"Shard {op['shard']} must have at least one active replica "
                f"after removing {op['peer']}"
            )
        del replicas[op["peer"]]
        return True
