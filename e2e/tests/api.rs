//! The API server for tests is itself a real one.

use tidegate_e2e::ApiServer;

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
