"""
Vortex: live data between Twisted servers, browsers and each other.

The names below are the public ones, by floor. Importing them installs no reactor. What
stands on the floors above Tuples is imported when it is first used: so `import vortex` is
quick, and needs no SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from vortex.errors import (
    AccessDenied,
    AddressInUse,
    CertificateRefused,
    ConnectionLost,
    ConnectionRefused,
    ConstraintViolation,
    DatabaseUnavailable,
    DecodeError,
    DuplicateName,
    EncodeError,
    LimitExceeded,
    NameNotFound,
    NotConnected,
    NotWritable,
    NoVortex,
    QueueOverflow,
    Rejected,
    RemoteError,
    RequestTimeout,
    StaleRecord,
    Unauthenticated,
    UnknownAction,
    UnknownObservable,
    UnknownRecord,
    UnknownTupleType,
    VortexError,
)
from vortex.limits import Limits
from vortex.tuples import (
    Tuple,
    TupleAction,
    TupleChange,
    TupleField,
    TupleGenericAction,
    TupleSchema,
    TupleSelector,
    TupleUpdateAction,
    addTupleType,
    describe,
    readFieldsWith,
    registerFieldType,
)

if TYPE_CHECKING:
    from vortex.access.certificate import CertificateAuthenticator
    from vortex.access.cookies import CookieAuthenticator
    from vortex.access.first_of import firstOf
    from vortex.access.jwt import JwtAuthenticator
    from vortex.access.principal import (
        Authenticator,
        Credentials,
        PeerCertificate,
        Principal,
        UnixCredentials,
    )
    from vortex.access.shared_secret import SharedSecretAuthenticator
    from vortex.access.tuple_access import TupleAccess
    from vortex.access.unix_credentials import UnixCredentialAuthenticator
    from vortex.handlers.action_client import TupleActionClient
    from vortex.handlers.action_proxy import TupleActionProxy
    from vortex.handlers.actions import TupleActionProcessor
    from vortex.handlers.loader import TupleLoader
    from vortex.handlers.model_handler import ModelHandler
    from vortex.handlers.observable import TupleDataObservableHandler, TupleDataProvider
    from vortex.handlers.observable_proxy import TupleDataObservableProxy
    from vortex.handlers.observer import TupleDataObserver
    from vortex.handlers.rpc import vortexRpc
    from vortex.handlers.subscription import Subscription
    from vortex.live.delivery_policy import DeliveryPolicy
    from vortex.node.assets import VortexAssets
    from vortex.node.background_sender import BackgroundSender
    from vortex.node.blocking_client import BlockingVortexClient
    from vortex.node.peer import VortexPeer
    from vortex.node.service import vortexApplication, vortexService
    from vortex.node.session_events import (
        SessionExpired,
        SessionReset,
        SessionResumed,
        SessionSuspended,
    )
    from vortex.node.vortex import Vortex
    from vortex.node.vortex_connection import ConnectionState, VortexConnection
    from vortex.orm.action_marks import createActionMarks
    from vortex.orm.crud_extension import OrmCrudExtension
    from vortex.orm.orm_crud_handler import OrmCrudHandler
    from vortex.protocol.payload import Payload
    from vortex.routing.delivery import Delivery
    from vortex.routing.marks import AlreadyRecorded
    from vortex.routing.payload_endpoint import PayloadEndpoint
    from vortex.routing.payload_io import PayloadIO
    from vortex.routing.payload_response import PayloadResponse
    from vortex.transports.http import VortexResource
    from vortex.transports.http_site import VortexSite
    from vortex.transports.memory import MemoryLink, connectInMemory
    from vortex.transports.native_memory import NativeMemoryLink
    from vortex.transports.tls import TlsOptions

__all__ = [
    "AccessDenied",
    "AddressInUse",
    "AlreadyRecorded",
    "Authenticator",
    "BackgroundSender",
    "BlockingVortexClient",
    "CertificateAuthenticator",
    "CertificateRefused",
    "ConnectionLost",
    "ConnectionRefused",
    "ConnectionState",
    "ConstraintViolation",
    "CookieAuthenticator",
    "Credentials",
    "DatabaseUnavailable",
    "DecodeError",
    "Delivery",
    "DeliveryPolicy",
    "DuplicateName",
    "EncodeError",
    "JwtAuthenticator",
    "LimitExceeded",
    "Limits",
    "MemoryLink",
    "ModelHandler",
    "NameNotFound",
    "NativeMemoryLink",
    "NoVortex",
    "NotConnected",
    "NotWritable",
    "OrmCrudExtension",
    "OrmCrudHandler",
    "Payload",
    "PayloadEndpoint",
    "PayloadIO",
    "PayloadResponse",
    "PeerCertificate",
    "Principal",
    "QueueOverflow",
    "Rejected",
    "RemoteError",
    "RequestTimeout",
    "SessionExpired",
    "SessionReset",
    "SessionResumed",
    "SessionSuspended",
    "SharedSecretAuthenticator",
    "StaleRecord",
    "Subscription",
    "TlsOptions",
    "Tuple",
    "TupleAccess",
    "TupleAction",
    "TupleActionClient",
    "TupleActionProcessor",
    "TupleActionProxy",
    "TupleChange",
    "TupleDataObservableHandler",
    "TupleDataObservableProxy",
    "TupleDataObserver",
    "TupleDataProvider",
    "TupleField",
    "TupleGenericAction",
    "TupleLoader",
    "TupleSchema",
    "TupleSelector",
    "TupleUpdateAction",
    "Unauthenticated",
    "UnixCredentialAuthenticator",
    "UnixCredentials",
    "UnknownAction",
    "UnknownObservable",
    "UnknownRecord",
    "UnknownTupleType",
    "Vortex",
    "VortexAssets",
    "VortexConnection",
    "VortexError",
    "VortexPeer",
    "VortexResource",
    "VortexSite",
    "addTupleType",
    "connectInMemory",
    "createActionMarks",
    "describe",
    "firstOf",
    "registerFieldType",
    "vortexApplication",
    "vortexRpc",
    "vortexService",
]

__version__ = "0.1.0"

_ON_USE = {
    "AlreadyRecorded": "vortex.routing.marks",
    "ConnectionState": "vortex.node.vortex_connection",
    "Authenticator": "vortex.access.principal",
    "BackgroundSender": "vortex.node.background_sender",
    "BlockingVortexClient": "vortex.node.blocking_client",
    "CertificateAuthenticator": "vortex.access.certificate",
    "CookieAuthenticator": "vortex.access.cookies",
    "Credentials": "vortex.access.principal",
    "Delivery": "vortex.routing.delivery",
    "DeliveryPolicy": "vortex.live.delivery_policy",
    "JwtAuthenticator": "vortex.access.jwt",
    "MemoryLink": "vortex.transports.memory",
    "ModelHandler": "vortex.handlers.model_handler",
    "NativeMemoryLink": "vortex.transports.native_memory",
    "OrmCrudExtension": "vortex.orm.crud_extension",
    "OrmCrudHandler": "vortex.orm.orm_crud_handler",
    "Payload": "vortex.protocol.payload",
    "PayloadEndpoint": "vortex.routing.payload_endpoint",
    "PayloadIO": "vortex.routing.payload_io",
    "PayloadResponse": "vortex.routing.payload_response",
    "PeerCertificate": "vortex.access.principal",
    "Principal": "vortex.access.principal",
    "SessionExpired": "vortex.node.session_events",
    "SessionReset": "vortex.node.session_events",
    "SessionResumed": "vortex.node.session_events",
    "SessionSuspended": "vortex.node.session_events",
    "SharedSecretAuthenticator": "vortex.access.shared_secret",
    "Subscription": "vortex.handlers.subscription",
    "TupleAccess": "vortex.access.tuple_access",
    "TupleDataObservableHandler": "vortex.handlers.observable",
    "TupleDataObservableProxy": "vortex.handlers.observable_proxy",
    "TupleDataObserver": "vortex.handlers.observer",
    "TupleLoader": "vortex.handlers.loader",
    "TupleDataProvider": "vortex.handlers.observable",
    "UnixCredentialAuthenticator": "vortex.access.unix_credentials",
    "UnixCredentials": "vortex.access.principal",
    "TlsOptions": "vortex.transports.tls",
    "TupleActionClient": "vortex.handlers.action_client",
    "TupleActionProcessor": "vortex.handlers.actions",
    "TupleActionProxy": "vortex.handlers.action_proxy",
    "Vortex": "vortex.node.vortex",
    "VortexAssets": "vortex.node.assets",
    "VortexConnection": "vortex.node.vortex_connection",
    "VortexPeer": "vortex.node.peer",
    "VortexResource": "vortex.transports.http",
    "VortexSite": "vortex.transports.http_site",
    "connectInMemory": "vortex.transports.memory",
    "createActionMarks": "vortex.orm.action_marks",
    "firstOf": "vortex.access.first_of",
    "vortexApplication": "vortex.node.service",
    "vortexRpc": "vortex.handlers.rpc",
    "vortexService": "vortex.node.service",
}


def __getattr__(name: str) -> Any:
    module = _ON_USE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name != "sqlalchemy":
            raise
        raise ImportError(f"{name} needs SQLAlchemy: pip install 'txvortex[orm]'") from error
    globals()[name] = value
    return value


# SQLAlchemy is imported by whoever maps classes with it: these are called for such classes only.
def _mappedFields(cls: type[Any]) -> dict[str, TupleField]:
    from vortex.orm.mapped_tuple import mappedFields

    return mappedFields(cls)


def _mappedMaker(cls: type[Any]) -> Callable[[], Any]:
    from vortex.orm.mapped_tuple import mappedMaker

    return mappedMaker(cls)


readFieldsWith("__mapper__", _mappedFields, _mappedMaker)
