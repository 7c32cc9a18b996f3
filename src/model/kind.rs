//! The kinds of objects, and what the Kubernetes API calls them.

/// The kinds of objects Tidegate reads, and `File` for a manifest that yields none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the variants are the Kubernetes kinds of the same names")]
pub enum ObjectKind {
    Ingress,
    IngressClass,
    Service,
    EndpointSlice,
    Secret,
    ConfigMap,
    /// A manifest file or one of its documents, which could not be read as an object.
    File,
}

impl ObjectKind {
    /// The kinds that Kubernetes has: all but `File`.
    pub const OF_KUBERNETES: [Self; 6] =
        [Self::Ingress, Self::IngressClass, Self::Service, Self::EndpointSlice, Self::Secret, Self::ConfigMap];

    /// The kind as Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::IngressClass => "IngressClass",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
            Self::File => "File",
        }
    }

    /// Where an API server has the objects of this kind; `None` for `File`.
    pub fn resource(self) -> Option<Resource> {
        match self {
            Self::Ingress => Some(Resource::INGRESSES),
            Self::IngressClass => Some(Resource::INGRESS_CLASSES),
            Self::Service => Some(Resource::SERVICES),
            Self::EndpointSlice => Some(Resource::ENDPOINT_SLICES),
            Self::Secret => Some(Resource::SECRETS),
            Self::ConfigMap => Some(Resource::CONFIG_MAPS),
            Self::File => None,
        }
    }
}

/// Where an API server has the objects of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `apiVersion`: `v1`, or a group and its version.
    pub api_version: &'static str,
    /// Name of the resource in paths and roles.
    pub plural: &'static str,
    /// Whether its objects are in namespaces.
    pub is_namespaced: bool,
}

impl Resource {
    /// Of Ingresses.
    pub const INGRESSES: Self = Self::namespaced("networking.k8s.io/v1", "ingresses");
    /// Of IngressClasses.
    pub const INGRESS_CLASSES: Self =
        Self { is_namespaced: false, ..Self::namespaced("networking.k8s.io/v1", "ingressclasses") };
    /// Of Services.
    pub const SERVICES: Self = Self::namespaced("v1", "services");
    /// Of EndpointSlices.
    pub const ENDPOINT_SLICES: Self = Self::namespaced("discovery.k8s.io/v1", "endpointslices");
    /// Of Secrets.
    pub const SECRETS: Self = Self::namespaced("v1", "secrets");
    /// Of ConfigMaps.
    pub const CONFIG_MAPS: Self = Self::namespaced("v1", "configmaps");

    const fn namespaced(api_version: &'static str, plural: &'static str) -> Self {
        Self { api_version, plural, is_namespaced: true }
    }

    /// The API group; empty for the core group.
    pub fn group(self) -> &'static str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The version within the group.
    pub fn version(self) -> &'static str {
        self.api_version.split_once('/').map_or(self.api_version, |(_, version)| version)
    }

    /// The path of the API server under which it has these objects: those of a namespace, or all.
    pub fn path(self, namespace: Option<&str>) -> String {
        let Self { api_version, plural, is_namespaced: _ } = self;
        let root = if self.group().is_empty() { "api" } else { "apis" };
        match namespace {
            Some(namespace) => format!("/{root}/{api_version}/namespaces/{namespace}/{plural}"),
            None => format!("/{root}/{api_version}/{plural}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_have_the_paths_of_the_api() {
        assert_eq!(Resource::SERVICES.path(None), "/api/v1/services");
        let slices = Resource::ENDPOINT_SLICES;
        assert_eq!(slices.path(Some("a")), "/apis/discovery.k8s.io/v1/namespaces/a/endpointslices");
        assert_eq!((slices.group(), slices.version()), ("discovery.k8s.io", "v1"));
        assert_eq!((Resource::SECRETS.group(), Resource::SECRETS.version()), ("", "v1"));
    }

    #[test]
    fn every_kind_of_kubernetes_has_a_resource() {
        assert!(ObjectKind::OF_KUBERNETES.iter().all(|kind| kind.resource().is_some()));
        assert_eq!(ObjectKind::File.resource(), None);
    }
}
