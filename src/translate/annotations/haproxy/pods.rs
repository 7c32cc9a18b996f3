//! How long pods may take.

use super::super::policy_options::Silence;
use super::super::table::{Annotation, Verdict};
use super::super::value::Value;
use super::{BOTH, row};

/// By key.
pub(super) const ROWS: [Annotation; 5] = [
    row(
        "abortonclose",
        Value::LooseBoolean(|_, _| ()),
        "none",
        BOTH,
        Verdict::NoEffect("a request whose client has left is given up, wherever it is"),
        "Whether requests that wait for a pod are dropped when their client has left.",
    ),
    row(
        "scale-server-slots",
        Value::Text { values: "any", read: |_, _, _| Some(()) },
        "`42`",
        BOTH,
        Verdict::NoEffect("there is no file with places for pods: any number of them comes and goes without a reload"),
        "Places for pods that HAProxy keeps ready.",
    ),
    row(
        "send-proxy-protocol",
        Value::Text {
            values: "`proxy`, `proxy-v1`, `proxy-v2`, `proxy-v2-ssl` or `proxy-v2-ssl-cn`",
            read: |_, _, _| Some(()),
        },
        "none",
        BOTH,
        Verdict::Refused {
            why: "a connection to a pod carries requests of many clients, so it has no address of a client, and a pod that waits for the \
                  PROXY protocol answers none of them",
            instead: "switch the PROXY protocol off in the pod, and let it read X-Forwarded-For or X-Real-IP",
        },
        "Whether connections to pods begin with the address of a client.",
    ),
    row(
        "standalone-backend",
        Value::LooseBoolean(|_, _| ()),
        "`false`",
        BOTH,
        Verdict::NoEffect(
            "each Ingress is treated as its own annotations say, also where several route to one Service",
        ),
        "Whether an Ingress has a backend of HAProxy's for itself.",
    ),
    row(
        "timeout-server",
        Value::HaproxyTime(|draft, time| {
            let policy = draft.options.of_policy();
            policy.read = Some(Silence { time, of_tunnels: false });
            policy.send = Some(time);
        }),
        "`--response-timeout` (60 s); calls of gRPC no limit",
        BOTH,
        Verdict::Exact,
        "Longest silence of a pod: before the head of its answer (504), between two parts of it (cut), while it takes a request\n\
         (504), and in calls of gRPC. Tunnels (WebSocket) have `--tunnel-idle-timeout` or `tidegate.dev/tunnel-idle-timeout`.",
    ),
];
