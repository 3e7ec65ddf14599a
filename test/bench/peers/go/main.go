// Reads a binary log with go-mysql and writes a JSON line for each row: what waymark's file sink does, done with it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
)

// Arguments: flavor, host, port, user, password, file, rows, output. Prints the seconds that the rows took.
func main() {
	port, _ := strconv.Atoi(os.Args[3])
	rows, _ := strconv.Atoi(os.Args[7])
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{
		ServerID: 3000000002, Flavor: os.Args[1], Host: os.Args[2], Port: uint16(port),
		User: os.Args[4], Password: os.Args[5], VerifyChecksum: true,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	defer syncer.Close()
	file, err := os.Create(os.Args[8])
	must(err)
	out := bufio.NewWriterSize(file, 1<<20)
	began := time.Now()
	streamer, err := syncer.StartSync(mysql.Position{Name: os.Args[6], Pos: 4})
	must(err)
	for seen := 0; seen < rows; {
		event, err := streamer.GetEvent(context.Background())
		must(err)
		data, isRows := event.Event.(*replication.RowsEvent)
		if !isRows {
			continue
		}
		step := 1
		if event.Header.EventType == replication.UPDATE_ROWS_EVENTv1 || event.Header.EventType == replication.UPDATE_ROWS_EVENTv2 {
			step = 2
		}
		for index := 0; index < len(data.Rows); index += step {
			line := map[string]any{
				"schema": string(data.Table.Schema), "table": string(data.Table.Table),
				"ts": event.Header.Timestamp, "position": event.Header.LogPos,
				"after": image(data.Table, data.Rows[index+step-1]),
			}
			if step == 2 {
				line["before"] = image(data.Table, data.Rows[index])
			}
			text, err := json.Marshal(line)
			must(err)
			_, err = out.Write(text)
			must(err)
			must(out.WriteByte('\n'))
			seen++
		}
	}
	must(out.Flush())
	fmt.Println(time.Since(began).Seconds())
}

func image(table *replication.TableMapEvent, row []any) map[string]any {
	values := make(map[string]any, len(row))
	for index, value := range row {
		name := "@" + strconv.Itoa(index+1)
		if index < len(table.ColumnName) {
			name = string(table.ColumnName[index])
		}
		if bytes, isBytes := value.([]byte); isBytes {
			value = string(bytes)
		}
		values[name] = value
	}
	return values
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
