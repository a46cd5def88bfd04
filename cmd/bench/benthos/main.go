// Benthos is a peer of cmd/bench: the engine of Redpanda Connect, of which bento
// is a fork, with the components that read files and call HTTP.
package main

import (
	"context"

	_ "github.com/redpanda-data/benthos/v4/public/components/io"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
)

func main() { service.RunCLI(context.Background()) }
