package main

import "github.com/spf13/cobra"

func (a *app) explainCommand() *cobra.Command  { return &cobra.Command{Use: "explain"} }
func (a *app) refusedCommand() *cobra.Command  { return &cobra.Command{Use: "refused"} }
func (a *app) rejectedCommand() *cobra.Command { return &cobra.Command{Use: "rejected"} }
func (a *app) approveCommand() *cobra.Command  { return &cobra.Command{Use: "approve"} }
func (a *app) adoptCommand() *cobra.Command    { return &cobra.Command{Use: "adopt"} }
func (a *app) resyncCommand() *cobra.Command   { return &cobra.Command{Use: "resync"} }
func (a *app) forgetCommand() *cobra.Command   { return &cobra.Command{Use: "forget"} }
func (a *app) doctorCommand() *cobra.Command   { return &cobra.Command{Use: "doctor"} }
func (a *app) daemonCommand() *cobra.Command   { return &cobra.Command{Use: "daemon"} }
func (a *app) keyCommand() *cobra.Command      { return &cobra.Command{Use: "key"} }
func (a *app) configCommand() *cobra.Command   { return &cobra.Command{Use: "config"} }
func (a *app) stateCommand() *cobra.Command    { return &cobra.Command{Use: "state"} }
