# The chart of this repository as a release of Terraform's. The Secret with the credentials is made outside of
# Terraform, whose state would keep it in clear: kubectl create secret generic impactsync-credentials --from-file=...
terraform {
  required_version = ">= 1.5"
  required_providers {
    helm = {
      source  = "hashicorp/helm"
      version = ">= 2.12"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 2.25"
    }
  }
}

variable "image" {
  description = "Repository of the image, without its tag."
  type        = string
}

variable "image_tag" {
  description = "Tag of the image."
  type        = string
}

variable "config" {
  description = "Path of your impactsync.yaml."
  type        = string
  default     = "impactsync.yaml"
}

variable "storage_class" {
  description = "Class of the claim: block storage or a local disk. Empty means the cluster's default."
  type        = string
  default     = ""
}

variable "suspend" {
  description = "Whether the schedule is suspended, as it should be until the first plan and canary."
  type        = bool
  default     = true
}

resource "kubernetes_namespace_v1" "impactsync" {
  metadata {
    name = "impactsync"
    labels = {
      "pod-security.kubernetes.io/enforce" = "restricted"
    }
  }
}

resource "helm_release" "impactsync" {
  name      = "impactsync"
  namespace = kubernetes_namespace_v1.impactsync.metadata[0].name
  chart     = "${path.module}/../../k8s/chart"

  values = [yamlencode({
    image       = { repository = var.image, tag = var.image_tag }
    config      = file(var.config)
    suspend     = var.suspend
    persistence = { storageClassName = var.storage_class }
  })]
}
