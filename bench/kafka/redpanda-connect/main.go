// Redpanda Connect with its own processors and its Kafka parts. The whole program has hundreds of systems beside them.
package main

import (
	"context"
	"fmt"

	"github.com/redpanda-data/benthos/v4/public/service"

	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	_ "github.com/redpanda-data/connect/v4/public/components/kafka"
)

func main() {
	fmt.Println(`{"ready":true,"ports":[]}`)
	service.RunCLI(context.Background())
}
