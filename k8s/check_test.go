package k8s

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// startMargin is the part of the Job's deadline for scheduling a pod, pulling its image and attaching its volume.
const startMargin = 5 * time.Minute

// oldestKubernetes is the oldest version in which all fields we use are enabled (podReplacementPolicy came last).
var oldestKubernetes = api.MajorMinorVersion(1, 29)

// check checks rendered manifests and returns all faults at once.
func check(text string) error {
	m, err := decode(text)
	if err != nil {
		return err
	}
	var faults []error
	for _, c := range m.cronJobs {
		faults = append(faults, checkTicks(c.Spec), checkDeadlines(c.Spec))
	}
	for _, spec := range m.jobSpecs() {
		faults = append(faults,
			checkFailurePolicy(spec), checkPodSecurity(spec.Template), checkVolumes(spec.Template.Spec), checkMemory(spec.Template.Spec))
	}
	return errors.Join(append(faults, checkReferences(m))...)
}

func checkTicks(spec batchv1.CronJobSpec) error {
	if spec.ConcurrencyPolicy != batchv1.ForbidConcurrent {
		return fmt.Errorf("concurrencyPolicy %q: two runs would wait for one state", spec.ConcurrencyPolicy)
	}
	if spec.Suspend != nil {
		return errors.New("suspend: the next apply would undo what an operator patched")
	}
	if spec.TimeZone == nil {
		return errors.New("timeZone is missing: the cluster's own would count")
	}
	if _, err := time.LoadLocation(*spec.TimeZone); err != nil {
		return fmt.Errorf("timeZone: %w", err)
	}
	if _, err := cron.ParseStandard(spec.Schedule); err != nil {
		return fmt.Errorf("schedule: %w", err)
	}
	return nil
}

// checkDeadlines checks the order: the run's own deadline, the grace period, the Job's deadline, the next tick.
func checkDeadlines(spec batchv1.CronJobSpec) error {
	job := spec.JobTemplate.Spec
	every, err := shortestInterval(spec.Schedule)
	if err != nil {
		return err
	}
	run, err := runDeadline(job.Template.Spec.Containers[0].Args)
	if err != nil {
		return err
	}
	grace, active := seconds(job.Template.Spec.TerminationGracePeriodSeconds), seconds(job.ActiveDeadlineSeconds)
	start, ttl := seconds(spec.StartingDeadlineSeconds), seconds(widen(job.TTLSecondsAfterFinished))
	switch {
	case active < run+grace+startMargin:
		return fmt.Errorf("activeDeadlineSeconds %s ends before --deadline %s, grace %s and %s to start", active, run, grace, startMargin)
	case active+grace > every:
		return fmt.Errorf("activeDeadlineSeconds %s and grace %s run into the next tick after %s", active, grace, every)
	case start < 10*time.Second || start >= every:
		return fmt.Errorf("startingDeadlineSeconds %s: want at least 10s (the controller's own step) and less than a tick, %s", start, every)
	case ttl <= every:
		return fmt.Errorf("ttlSecondsAfterFinished %s: a failed Job would be gone before anybody looks", ttl)
	}
	return nil
}

func shortestInterval(schedule string) (time.Duration, error) {
	ticks, err := cron.ParseStandard(schedule)
	if err != nil {
		return 0, fmt.Errorf("schedule: %w", err)
	}
	shortest, at := time.Duration(1<<62), ticks.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	for range 2000 {
		next := ticks.Next(at)
		shortest, at = min(shortest, next.Sub(at)), next
	}
	return shortest, nil
}

func runDeadline(args []string) (time.Duration, error) {
	for _, arg := range args {
		if value, found := strings.CutPrefix(arg, "--deadline="); found {
			return time.ParseDuration(value)
		}
	}
	return 0, fmt.Errorf("no --deadline among %q: only SIGTERM would end a run", args)
}

func seconds(n *int64) time.Duration {
	return time.Duration(*cmp.Or(n, new(int64))) * time.Second
}

func widen(n *int32) *int64 {
	if n == nil {
		return nil
	}
	wide := int64(*n)
	return &wide
}

// checkFailurePolicy checks what the API server checks about a podFailurePolicy, and that it names our container.
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
func checkFailurePolicy(spec batchv1.JobSpec) error {
	pod := spec.Template.Spec
	if spec.PodFailurePolicy == nil {
		return errors.New("no podFailurePolicy: every exit code would be retried")
	}
	if pod.RestartPolicy != corev1.RestartPolicyNever {
		return fmt.Errorf("restartPolicy %q: a podFailurePolicy needs Never", pod.RestartPolicy)
	}
	if spec.PodReplacementPolicy == nil || *spec.PodReplacementPolicy != batchv1.Failed {
		return errors.New("podReplacementPolicy is not Failed: two pods could run at once")
	}
	if pod.TerminationGracePeriodSeconds == nil {
		return errors.New("terminationGracePeriodSeconds is missing")
	}
	for i, rule := range spec.PodFailurePolicy.Rules {
		if err := checkRule(rule.OnExitCodes, pod.Containers[0].Name); err != nil {
			return fmt.Errorf("podFailurePolicy rule %d: %w", i, err)
		}
	}
	return nil
}

func checkRule(codes *batchv1.PodFailurePolicyOnExitCodesRequirement, container string) error {
	switch {
	case codes == nil:
		return nil
	case codes.ContainerName == nil || *codes.ContainerName != container:
		return errors.New("containerName is not ours: a mesh proxy's exit code would count")
	case codes.Operator != batchv1.PodFailurePolicyOnExitCodesOpIn:
		return fmt.Errorf("operator %q", codes.Operator)
	case !slices.IsSorted(codes.Values) || len(slices.Compact(slices.Clone(codes.Values))) != len(codes.Values):
		return fmt.Errorf("values %v are not in order", codes.Values)
	case slices.Contains(codes.Values, 0):
		return errors.New("exit code 0 is no failure")
	}
	return nil
}

// checkPodSecurity asks the admission controller's own code, at the newest version and at the oldest we support.
func checkPodSecurity(template corev1.PodTemplateSpec) error {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	for _, version := range []api.Version{api.LatestVersion(), oldestKubernetes} {
		level := api.LevelVersion{Level: api.LevelRestricted, Version: version}
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &template.ObjectMeta, &template.Spec))
		if !result.Allowed {
			return fmt.Errorf("pod security %s: %s: %s", level, result.ForbiddenReason(), result.ForbiddenDetail())
		}
	}
	return checkHardening(template.Spec)
}

// checkHardening checks what `restricted` leaves open and our image allows.
func checkHardening(pod corev1.PodSpec) error {
	s := pod.Containers[0].SecurityContext
	switch {
	case s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem:
		return errors.New("readOnlyRootFilesystem is not set")
	case pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken:
		return errors.New("the pod mounts a token of the Kubernetes API, which it never calls")
	case pod.SecurityContext.FSGroup == nil || *pod.SecurityContext.FSGroup != *pod.SecurityContext.RunAsGroup:
		return errors.New("fsGroup is not the group we run as: the state's volume could not be written")
	}
	return nil
}
