use super::*;
use crate::model::ObjectName;
use crate::observe::LineFormat;

use clap::CommandFactory;

fn serve(options: &[&str]) -> ServeArgs {
    let line = ["tidegate", "serve", "--manifests", "src"].iter().chain(options);
    match read(line) {
        Ok(Command::Serve(args)) => *args,
        other => panic!("{options:?} gave {other:?}"),
    }
}

fn refused(line: &[&str]) -> String {
    match read([&["tidegate"], line].concat()) {
        Err(Refusal::Wrong(text)) => text,
        other => panic!("{line:?} gave {other:?}"),
    }
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn defaults_are_those_of_the_design() {
    let args = serve(&[]);
    assert_eq!(args.listen.http, "[::]:8080".parse().unwrap());
    assert_eq!(args.listen.https, "[::]:8443".parse().unwrap());
    assert_eq!(args.listen.admin, "[::]:9090".parse().unwrap());
    assert_eq!(args.routing.ingress_class, "tidegate");
    assert_eq!(args.routing.controller_name, "tidegate.dev/ingress-controller");
    assert!(!args.routing.watch_ingress_without_class);
    assert!(args.routing.ssl_redirect);
    assert!(args.listen.trusted_proxies.is_empty());
    assert_eq!(args.listen.proxy_protocol, ProxyProtocolMode::Off);
    assert_eq!(args.listen.health, None);
    assert!(!args.listen.http_stands_for_https);
    assert_eq!(args.limits.max_head_bytes, Bytes(32 << 10));
    assert_eq!(args.limits.max_connections, Auto::Auto);
    assert_eq!(args.limits.max_body_bytes, None);
    assert_eq!(args.timeouts.head_timeout, Duration::from_secs(10));
    assert_eq!(args.timeouts.tunnel_idle_timeout, Duration::from_secs(3600));
    assert_eq!(args.upstream.balance, BalanceChoice::LeastInFlight);
    assert_eq!(args.upstream.connect_attempts, 3);
    assert_eq!(args.observe.access_log, AccessLogFormat::Json);
    assert_eq!(args.observe.debug_views, DebugViewsChoice::Loopback);
    assert_eq!((args.observe.access_log_format, args.observe.metrics_compat), (None, MetricsCompat::Off));
    assert_eq!(args.lifecycle.drain_delay, Duration::from_secs(25));
    assert_eq!((args.replicas.self_service, args.replicas.shared_keys), (None, None));
    assert_eq!(args.lifecycle.workers, None);
}

#[test]
fn ports_of_streams_are_numbers_and_ranges() {
    let args =
        serve(&["--allow-ports=13306,15000-15999", "--stream-namespaces=a,b", "--tcp-services-configmap=edge/tcp"]);
    let streams = &args.routing.streams;
    assert_eq!(streams.allow_ports, [13306..=13306, 15000..=15999]);
    assert_eq!((streams.stream_namespaces.len(), streams.udp_services_configmap.is_none()), (2, true));
    assert_eq!(streams.tcp_services_configmap, Some(ObjectName::new("edge", "tcp")));
    assert_eq!(args.timeouts.stream_idle_timeout, Duration::from_secs(3600));
    assert_eq!(args.timeouts.udp_session_timeout, Duration::from_secs(60));
    assert_eq!(serve(&["--profile=ingress-nginx"]).timeouts.stream_idle_timeout, Duration::from_secs(600));
    for wrong in ["0", "65536", "2-1", "1-", "-1", "a", "+1", "1-2-3", ""] {
        let option = format!("--allow-ports={wrong}");
        let text = refused(&["serve", "--manifests", "src", &option]);
        assert!(text.contains("allow-ports") || text.contains("port"), "{wrong}: {text}");
    }
}

#[test]
fn values_arrive_where_they_belong() {
    let args = serve(&[
        "--trusted-proxies",
        "10.0.0.0/8,192.0.2.1",
        "--default-backend=edge/fallback:http",
        "--default-certificate=edge/cert",
        "--ssl-redirect",
        "false",
        "--max-connections=100",
        "--max-body-bytes=1MiB",
        "--balance=round-robin",
        "--access-log=off",
        "--access-log-format=[$remote_addr] $status",
        "--access-log-format-escape=json",
        "--metrics-compat=ingress-nginx",
        "--drain-delay=0s",
        "--workers=2",
        "--self-service=edge/tidegate-replicas",
        "--shared-keys=edge/keys",
        "--watch-ingress-without-class",
        "--secret-access=names",
        "--secret-names=shop/tls,blog/blog.tls",
        "--secret-names=shop/more",
        "--host-ownership=namespace",
        "--host-owners=shop.example.com=shop,*=edge",
        "--certificate-namespaces=edge,certificates",
    ]);
    assert_eq!(args.listen.trusted_proxies.len(), 2);
    assert_eq!(args.routing.default_backend.unwrap().service, ObjectName::new("edge", "fallback"));
    assert_eq!(args.tls.default_certificate, Some(ObjectName::new("edge", "cert")));
    assert!(!args.routing.ssl_redirect);
    assert_eq!(args.limits.max_connections, Auto::Count(NonZeroUsize::new(100).unwrap()));
    assert_eq!(args.limits.max_body_bytes, Some(Bytes(1 << 20)));
    assert_eq!(crate::model::Balance::from(args.upstream.balance), crate::model::Balance::RoundRobin);
    assert_eq!(crate::model::Balance::from(BalanceChoice::Ewma), crate::model::Balance::Ewma);
    assert_eq!(args.observe.access_log, AccessLogFormat::Off);
    assert_eq!(args.observe.access_log_format, LineFormat::parse("[$remote_addr] $status").ok());
    assert_eq!(args.observe.access_log_format_escape, EscapeChoice::Json);
    assert_eq!(args.observe.metrics_compat, MetricsCompat::IngressNginx);
    assert_eq!(args.lifecycle.drain_delay, Duration::ZERO);
    assert_eq!(args.lifecycle.workers, NonZeroUsize::new(2));
    assert_eq!(args.replicas.self_service, Some(ObjectName::new("edge", "tidegate-replicas")));
    assert_eq!(args.replicas.shared_keys, Some(ObjectName::new("edge", "keys")));
    assert!(args.routing.watch_ingress_without_class);
    let secrets: Vec<_> = args.source.secret_names.iter().map(ToString::to_string).collect();
    assert_eq!(secrets, ["shop/tls", "blog/blog.tls", "shop/more"]);
    assert_eq!(args.routing.host_ownership, HostOwnershipChoice::Namespace);
    let owners: Vec<_> = args.routing.host_owners.iter().map(|(host, owner)| format!("{host} {owner}")).collect();
    assert_eq!(owners, ["shop.example.com shop", "* edge"]);
    assert_eq!(args.tls.certificate_namespaces.len(), 2);
}

#[test]
fn of_an_option_given_twice_the_last_value_counts_and_lists_are_joined() {
    let args = serve(&[
        "--log-level=info",
        "--http=[::]:8080",
        "--ssl-redirect=true",
        "--drain-delay=25s",
        "--watch-ingress-without-class",
        "--trusted-proxies=10.0.0.0/8,192.0.2.1",
        // What a chart gives comes first, what its user adds comes after it.
        "--log-level",
        "debug",
        "--http",
        "127.0.0.1:80",
        "--ssl-redirect=false",
        "--drain-delay=1s",
        "--watch-ingress-without-class",
        "--trusted-proxies=198.51.100.0/24",
    ]);
    assert_eq!(args.observe.log_level, LogLevel::Debug);
    assert_eq!(args.listen.http, "127.0.0.1:80".parse().unwrap());
    assert!(!args.routing.ssl_redirect);
    assert_eq!(args.lifecycle.drain_delay, Duration::from_secs(1));
    assert!(args.routing.watch_ingress_without_class);
    assert_eq!(args.listen.trusted_proxies.len(), 3);
}

#[test]
fn every_option_of_serve_may_be_given_again() {
    // One value that each kind of option takes; flags have none.
    let values = [
        "1",
        "1s",
        "8KiB",
        "1MiB",
        "[::1]:1",
        "true",
        "a",
        "a/b",
        "a/b:1",
        "a=b",
        "10.0.0.0/8",
        "src",
        "off",
        "auto",
        "tidegate.dev",
        "stdout",
    ];
    let mut root = Cli::command();
    root.build();
    let serve = root.find_subcommand("serve").expect("a command");
    for option in serve.get_arguments().filter(|option| !matches!(option.get_id().as_str(), "help" | "version")) {
        let long = option.get_long().unwrap();
        let mut possible: Vec<_> =
            option.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        possible.extend(values.map(str::to_owned));
        let given = |value: &str| format!("--{long}={value}");
        let mut given: Vec<_> = possible.iter().map(|value| given(value)).collect();
        given.push(format!("--{long}"));
        let twice = |option: &String| {
            let line = [
                "tidegate",
                "serve",
                "--trusted-proxies=::1",
                "--manifests=src",
                "--stats-users=src",
                "--runtime-api=[::1]:1",
                "--runtime-api-certificate=src",
            ];
            let line = line.map(str::to_owned);
            let line = |more: &[&String]| line.iter().chain(more.iter().copied()).cloned().collect::<Vec<_>>();
            let is_taken = |more: &[&String]| Cli::try_parse_from(line(more)).is_ok();
            is_taken(&[option]).then(|| is_taken(&[option, option]))
        };
        assert_eq!(given.iter().find_map(twice), Some(true), "--{long}");
    }
}

#[test]
fn the_run_time_api_has_tls_unless_it_is_on_loopback() {
    let args = serve(&["--runtime-api", "127.0.0.1:8405"]);
    assert_eq!(args.runtime_api.runtime_api, "127.0.0.1:8405".parse().ok());
    let certificate = ["--runtime-api=[::]:8405", "--runtime-api-certificate=a.pem", "--runtime-api-client-ca=ca.pem"];
    assert_eq!(serve(&[&certificate[..], &["--stats-admins=ops"]].concat()).stats.stats_admins, ["ops"]);
    serve(&["--runtime-api=[::1]:1", "--stats-users=users"]);
    for (options, expected) in [
        (&["--runtime-api=0.0.0.0:1"][..], "passwords would travel in clear text"),
        (&["--runtime-api-certificate=a.pem"], "--runtime-api <ADDR>"),
        (&["--runtime-api=[::1]:1", "--runtime-api-client-ca=a.pem"], "--runtime-api-certificate <FILE>"),
        (&["--stats-users=users"], "--stats-users is for the addresses of --stats and --runtime-api"),
        (&["--stats=[::1]:1", "--stats-admins=ops"], "--stats-admins names users of"),
    ] {
        let said = refused(&[&["serve", "--manifests=src"], options].concat());
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn durable_actions_need_an_api_server_and_somebody_who_acts() {
    let read = |line: &[&str]| read(["tidegate", "serve"].iter().chain(line));
    let Ok(Command::Serve(args)) = read(&["--stats-durable-actions", "--stats-socket=/run/s"]) else { panic!() };
    assert!(args.stats.stats_durable_actions);
    let Ok(Command::Serve(args)) = read(&["--stats-durable-actions=false", "--manifests=src"]) else { panic!() };
    assert!(!args.stats.stats_durable_actions);
    for (options, expected) in [
        (&["--stats-durable-actions", "--manifests=src", "--stats=[::1]:1"][..], "with --manifests there is none"),
        (&["--stats-durable-actions=true"], "--stats-durable-actions is for what --stats, --stats-socket"),
    ] {
        let said = refused(&[&["serve"], options].concat());
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn the_access_log_goes_where_it_is_told() {
    let args = serve(&["--access-log", "haproxy", "--access-log-capture-request", "Host,Referer:20"]);
    assert_eq!(args.observe.access_log, AccessLogFormat::Haproxy);
    assert_eq!(args.observe.access_log_to, AccessLogTo::Stdout);
    assert_eq!(args.observe.access_log_capture_request.len(), 2);
    let args = serve(&["--access-log-to", "syslog:udp://127.0.0.1?facility=local2"]);
    assert!(matches!(args.observe.access_log_to, AccessLogTo::Syslog(_)));
    let args = serve(&["--access-log", "custom", "--access-log-format", "$status"]);
    assert_eq!(args.observe.access_log, AccessLogFormat::Custom);
    for (options, expected) in [
        (&["--access-log", "custom"][..], "--access-log-format <TEXT>"),
        (&["--access-log-to", "udp://a"], "write stdout, or syslog:udp://HOST:PORT"),
        (&["--access-log-to", "syslog:udp://a?facility=local9"], "\"local9\" is no facility; those are kern"),
        (
            &["--access-log-capture-request", "Host"],
            "--access-log-capture-request is for lines of --access-log haproxy alone",
        ),
        (
            &["--access-log", "haproxy", "--access-log-format", "$status", "--access-log-capture-response", "Via"],
            "--access-log-capture-response is for lines of --access-log haproxy alone",
        ),
        (
            &["--access-log", "haproxy", "--access-log-capture-request", "a:1024,b"],
            "--access-log-capture-request: the lengths come to 1088 bytes, and 1024 is the most",
        ),
        (&["--access-log", "haproxy", "--access-log-capture-request", "a:x"], "\"x\" is no length"),
    ] {
        let line = ["tidegate", "serve", "--manifests", "src"].iter().chain(options);
        match read(line) {
            Err(Refusal::Wrong(told)) => assert!(told.contains(expected), "{told}"),
            other => panic!("{options:?} gave {other:?}"),
        }
    }
}

#[test]
fn wrong_options_are_told_in_one_line() {
    let wrong: &[(&[&str], &str)] = &[
        (&[], "a command is needed"),
        (&["frobnicate"], "unrecognized subcommand 'frobnicate'"),
        (&["serve", "--secret-access", "namespaces"], "--secret-access namespaces needs"),
        (&["serve", "--secret-namespaces", "a"], "--secret-namespaces is for"),
        (&["serve", "--secret-access", "names"], "--secret-access names needs --secret-names"),
        (&["serve", "--secret-access", "names", "--default-certificate", "a/b"], "needs --secret-names"),
        (&["serve", "--secret-names", "a/b"], "--secret-names is for"),
        (&["serve", "--secret-access", "namespaces", "--secret-namespaces", "a", "--secret-names", "a/b"], "is for"),
        (&["serve", "--secret-access", "names", "--secret-names", "a/b", "--secret-namespaces", "a"], "is for"),
        (&["serve", "--secret-access", "names", "--secret-names", "a/b,c"], "expected NAMESPACE/NAME"),
        (&["serve", "--secret-access", "names", "--secret-names", "a/x/y"], "expected NAMESPACE/NAME"),
        (&["serve", "--secret-access", "some"], "cluster, namespaces, names"),
        (&["serve", "--watch-namespace", "a/b"], "name of a namespace"),
        (&["serve", "--host-owners", "a.example=a"], "--host-owners is for --host-ownership namespace only"),
        (&["check", "--manifests", "src", "--host-owners", "a.example=a"], "--host-owners is for"),
        (&["serve", "--host-ownership", "namespace", "--host-owners", "a.example"], "expected HOST=NAMESPACE"),
        (&["serve", "--host-ownership", "tenant"], "shared, namespace"),
        (&["serve", "--kubeconfig", "no/such/file"], "there is no such directory or file"),
        (&["check"], "--manifests DIR is needed"),
        (&["serve", "--manifests", "no/such/place"], "there is no such directory or file"),
        (&["serve", "--manifests", "src", "--htpp", "x"], "unexpected argument '--htpp'"),
        (&["serve", "--manifests", "src", "extra"], "unexpected argument 'extra'"),
        (&["explain", "a.example", "b.example"], "unexpected argument 'b.example'"),
        (&["serve", "--manifests", "src", "--http", "8080"], "invalid value '8080' for '--http <ADDR>'"),
        (&["serve", "--manifests", "src", "--head-timeout", "0s"], "longer than zero"),
        (&["serve", "--manifests", "src", "--head-timeout", "10"], "with a unit"),
        (&["serve", "--manifests", "src", "--tcp-keepalive", "1500ms"], "whole number of seconds"),
        (&["serve", "--manifests", "src", "--connect-attempts", "0"], "1..=3"),
        (&["serve", "--manifests", "src", "--max-head-bytes", "1GiB"], "1024 to 262144"),
        (&["serve", "--manifests", "src", "--balance", "fastest"], "least-in-flight"),
        (&["serve", "--manifests", "src", "--ssl-redirect", "maybe"], "true, false"),
        (&["serve", "--manifests", "src", "--trusted-proxies", "10.0.0.0/33"], "range of addresses"),
        (&["serve", "--manifests", "src", "--proxy-protocol", "v2"], "require"),
        (&["serve", "--manifests", "src", "--proxy-protocol", "auto"], "--trusted-proxies"),
        (&["serve", "--manifests", "src", "--proxy-protocol", "require"], "--trusted-proxies"),
        (&["serve", "--manifests", "src", "--health", "8081"], "--health"),
        (&["serve", "--manifests", "src", "--http-stands-for-https"], "--http-stands-for-https"),
        (&["serve", "--manifests", "src", "--workers", "0"], "--workers"),
        (&["serve", "--manifests", "src", "--access-log-format", "$statuss"], "did you mean $status?"),
        (&["serve", "--manifests", "src", "--access-log-format-escape", "json"], "--access-log-format <TEXT>"),
        (&["serve", "--manifests", "src", "--access-log-format-escape", "xml"], "default, json, none"),
        (&["serve", "--manifests", "src", "--metrics-compat", "nginx"], "off, ingress-nginx, haproxy"),
        (
            &["serve", "--manifests", "src", "--snapshot-file", "x"],
            "--snapshot-file is for objects of the Kubernetes API",
        ),
        (&["serve", "--manifests"], "--manifests <DIR>"),
        (&["check", "--manifests", "src", "--http", "[::]:80"], "unexpected argument '--http'"),
    ];
    for (line, expected) in wrong {
        let said = refused(line);
        assert!(said.contains(expected), "{line:?} said: {said}");
        assert!(!said.contains('\n') && said.len() < 300, "{line:?} said: {said}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for option in ["--help", "-h", "--version", "-V"] {
        assert!(matches!(read(["tidegate", option]), Err(Refusal::Asked(_))), "{option}");
        assert!(matches!(read(["tidegate", "serve", option]), Err(Refusal::Asked(_))), "{option}");
    }
}

/// What `explain`, `check` and `migrate` are asked: no setting, so it has no environment variable.
fn is_question(option: &clap::Arg) -> bool {
    option.get_help_heading().is_some_and(|heading| matches!(heading, "Request" | "Migration" | "Output"))
}

/// All options of all commands but `--help` and `--version`.
fn options() -> Vec<clap::Arg> {
    let mut root = Cli::command();
    root.build();
    let commands = root.get_subcommands().filter(|command| command.get_name() != "help");
    let options = commands.flat_map(|command| command.get_arguments().cloned().collect::<Vec<_>>());
    options.filter(|option| !matches!(option.get_id().as_str(), "help" | "version") && !is_question(option)).collect()
}

#[test]
fn every_option_has_the_environment_variable_of_its_name() {
    for option in options() {
        let long = option.get_long().unwrap();
        let expected = format!("TIDEGATE_{}", long.replace('-', "_").to_uppercase());
        assert_eq!(option.get_env().and_then(|name| name.to_str()), Some(expected.as_str()), "--{long}");
        // Kubernetes sets these in every pod of a namespace that has a Service named tidegate.
        assert!(!expected.starts_with("TIDEGATE_PORT") && !expected.starts_with("TIDEGATE_SERVICE"), "{expected}");
    }
}

#[test]
fn every_option_stands_under_a_heading_and_is_explained() {
    let headings = [
        "Sources",
        "Reports",
        "Listeners",
        "Routing",
        "TLS",
        "Limits",
        "HTTP/2",
        "Timeouts",
        "Upstreams",
        "Observability",
        "Statistics",
        "Run-time API",
        "Replicas",
        "Life cycle",
    ];
    for option in options() {
        let long = option.get_long().unwrap();
        assert!(option.get_help_heading().is_some_and(|heading| headings.contains(&heading)), "--{long}");
        assert!(option.get_help().is_some_and(|help| help.to_string().len() > 20), "--{long}");
    }
}

#[test]
fn an_option_wins_over_the_profile_and_the_profile_over_our_defaults() {
    let of = |options: &[&str]| {
        let args = serve(options);
        (args.limits.max_body_bytes, args.upstream.connect_timeout, args.timeouts.tunnel_idle_timeout)
    };
    let seconds = Duration::from_secs;
    assert_eq!(of(&[]), (None, seconds(1), seconds(3600)));
    let profile = "--profile=ingress-nginx";
    assert_eq!(of(&[profile]), (Some(Bytes(1 << 20)), seconds(5), seconds(60)));
    let options = ["--connect-timeout=2s", "--tunnel-idle-timeout=2h", "--max-body-bytes=8MiB", profile];
    assert_eq!(of(&options), (Some(Bytes(8 << 20)), seconds(2), seconds(7200)));
}

#[test]
fn options_that_are_given_are_known_and_defaults_are_not_among_them() {
    let given = serve(&["--max-body-bytes=1MiB", "--profile", "ingress-nginx"]).routing.given;
    assert!(["max-body-bytes", "profile"].iter().all(|option| given.contains(*option)), "{given:?}");
    assert!(["connect-timeout", "ssl-redirect"].iter().all(|option| !given.contains(*option)), "{given:?}");
}

#[test]
fn the_config_map_of_ingress_nginx_needs_its_dialect() {
    let line = |more: &[&str]| {
        let all = ["tidegate", "serve", "--manifests", "/", "--nginx-configmap", "ingress-nginx/controller"];
        all.iter().chain(more).map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(read(line(&[])).is_ok());
    assert!(read(line(&["--dialects", "tidegate.dev"])).is_err());
}

#[test]
fn the_config_map_of_haproxytech_needs_its_dialect_and_stands_alone() {
    let line = |more: &[&str]| {
        let all =
            ["tidegate", "serve", "--manifests", "/", "--haproxy-configmap", "haproxy-controller/kubernetes-ingress"];
        all.iter().chain(more).map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(read(line(&[])).is_ok());
    assert!(read(line(&["--dialects", "nginx.ingress.kubernetes.io"])).is_err());
    assert!(read(line(&["--nginx-configmap", "ingress-nginx/controller"])).is_err());
}

#[test]
fn every_option_is_used() {
    let sources = [
        include_str!("../app/mod.rs"),
        include_str!("../app/origin.rs"),
        include_str!("../app/settings.rs"),
        include_str!("../app/check.rs"),
        include_str!("../app/explain.rs"),
        include_str!("../app/migrate/mod.rs"),
        include_str!("../app/migrate/cluster.rs"),
        include_str!("../app/saved_objects.rs"),
        include_str!("../app/report.rs"),
        include_str!("../app/statistics.rs"),
    ];
    for option in options() {
        let field = format!(".{}", option.get_id());
        assert!(sources.iter().any(|source| source.contains(&field)), "nothing in app/ reads {field}");
    }
}
