//! The API server for tests is a real one, and what stands around it works.

use tidegate_e2e::{ApiServer, EchoPod, Objects, Pods, Tidegate, eventually};

const CLASS: &str = r"
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: tidegate}
spec: {controller: tidegate.dev/ingress-controller}
";

const INGRESS: &str = r"
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {namespace: shop, name: web}
spec:
  rules:
    - host: shop.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
";

#[test]
fn objects_are_validated_stored_and_outlive_the_api_server() {
    let api = ApiServer::start();
    api.apply(INGRESS);
    let read = |api: &ApiServer| api.get("networking.k8s.io/v1", "Ingress", "shop", "web");
    let before = read(&api).expect("it is stored");
    assert_eq!(before["spec"]["rules"][0]["host"], "shop.example");

    let refused = api.try_apply(&INGRESS.replace("pathType: Prefix", "pathType: Suffix")).expect_err("it is validated");
    assert!(format!("{refused:#}").contains("pathType"), "{refused:#}");

    api.restart();
    assert_eq!(read(&api), Some(before));
    api.delete(INGRESS);
    assert_eq!(read(&api), None);
}

#[test]
fn tidegate_follows_it_and_echo_pods_answer() {
    let api = ApiServer::start();
    let pods = [EchoPod::start(&api, "shop", "web"), EchoPod::start(&api, "shop", "web")];
    api.apply(CLASS);
    api.apply(&Pods { namespace: "shop", service: "web", pods: &[&pods[0], &pods[1]] }.yaml());
    api.apply(&INGRESS.replace("spec:", "spec:\n  ingressClassName: tidegate"));
    let server = Tidegate::follow(&api.kubeconfig(), &[]);
    let answer = || server.get("shop.example", "/a?b").filter(|(status, _)| *status == 200);
    let (_, body) = eventually("an answer", answer);
    assert!(body.contains(r#""path":"/a?b""#) && body.contains(r#""service":"web""#), "{body}");
    for _ in 0..20 {
        assert!(answer().is_some());
    }
    assert!(pods.iter().all(|pod| pod.requests() > 0), "both pods answer");
    assert!(api.denied().is_empty(), "an administrator may do everything");
}

#[test]
fn what_rbac_refuses_is_told() {
    let api = ApiServer::start();
    let kubeconfig = api.service_account_kubeconfig("shop", "nobody");
    let nobody = Objects::connect(&kubeconfig).expect("a kubeconfig");
    assert_eq!(nobody.raw("/api/v1/namespaces/shop/secrets"), None);
    let denied = api.denied();
    let [one] = &denied[..] else { panic!("{denied:?}") };
    assert_eq!(one.user, "system:serviceaccount:shop:nobody");
    assert_eq!((&*one.verb, &*one.resource, &*one.namespace), ("list", "secrets", "shop"));
}
