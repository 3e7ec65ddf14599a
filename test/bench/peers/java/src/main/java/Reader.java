import com.github.shyiko.mysql.binlog.BinaryLogClient;
import com.github.shyiko.mysql.binlog.event.Event;
import com.github.shyiko.mysql.binlog.event.EventData;
import com.github.shyiko.mysql.binlog.event.EventHeaderV4;
import com.github.shyiko.mysql.binlog.event.TableMapEventData;
import com.github.shyiko.mysql.binlog.event.UpdateRowsEventData;
import com.github.shyiko.mysql.binlog.event.WriteRowsEventData;
import com.github.shyiko.mysql.binlog.event.deserialization.ChecksumType;
import com.github.shyiko.mysql.binlog.event.deserialization.EventDeserializer;
import java.io.BufferedOutputStream;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Reads a binary log with mysql-binlog-connector-java, the decoder of Debezium and Maxwell, and writes a JSON line for
 * each row. Arguments: host, port, user, password, file, rows, output. Prints the seconds that the rows took.
 */
public final class Reader {
  private static final Map<Long, TableMapEventData> tables = new HashMap<>();
  private static final StringBuilder line = new StringBuilder();
  private static OutputStream out;
  private static long seen = 0;

  public static void main(String[] args) throws Exception {
    Logger.getLogger("com.github.shyiko").setLevel(Level.OFF);
    long wanted = Long.parseLong(args[5]);
    out = new BufferedOutputStream(new FileOutputStream(args[6]), 1 << 20);
    BinaryLogClient client = new BinaryLogClient(args[0], Integer.parseInt(args[1]), args[2], args[3]);
    client.setServerId(3_000_000_003L);
    client.setBinlogFilename(args[4]);
    client.setBinlogPosition(4);
    EventDeserializer deserializer = new EventDeserializer();
    deserializer.setChecksumType(ChecksumType.CRC32);
    client.setEventDeserializer(deserializer);
    long began = System.nanoTime();
    client.registerEventListener(event -> {
      try {
        take(event);
        if (seen < wanted) return;
        out.flush();
        System.out.println((System.nanoTime() - began) / 1e9);
        System.out.flush();
        Runtime.getRuntime().halt(0);
      } catch (Exception problem) {
        problem.printStackTrace();
        Runtime.getRuntime().halt(1);
      }
    });
    client.connect();
  }

  private static void take(Event event) throws Exception {
    EventData data = event.getData();
    if (data instanceof TableMapEventData map) tables.put(map.getTableId(), map);
    else if (data instanceof WriteRowsEventData rows) {
      for (Serializable[] row : rows.getRows()) write(event, tables.get(rows.getTableId()), null, row);
    } else if (data instanceof UpdateRowsEventData rows) {
      for (Map.Entry<Serializable[], Serializable[]> row : rows.getRows())
        write(event, tables.get(rows.getTableId()), row.getKey(), row.getValue());
    }
  }

  private static void write(Event event, TableMapEventData map, Serializable[] before, Serializable[] after)
      throws Exception {
    EventHeaderV4 header = event.getHeader();
    line.setLength(0);
    line.append("{\"schema\":");
    text(map.getDatabase());
    line.append(",\"table\":");
    text(map.getTable());
    if (before != null) image(",\"before\":", map, before);
    image(",\"after\":", map, after);
    line.append(",\"ts\":").append(header.getTimestamp());
    line.append(",\"position\":").append(header.getNextPosition()).append("}\n");
    out.write(line.toString().getBytes(StandardCharsets.UTF_8));
    seen++;
  }

  private static void image(String member, TableMapEventData map, Serializable[] row) {
    List<String> names = map.getEventMetadata() == null ? null : map.getEventMetadata().getColumnNames();
    line.append(member).append('{');
    for (int index = 0; index < row.length; index++) {
      if (index > 0) line.append(',');
      text(names == null ? "@" + (index + 1) : names.get(index));
      line.append(':');
      Serializable value = row[index];
      if (value == null || value instanceof Number) line.append(value);
      else text(value instanceof byte[] bytes ? new String(bytes, StandardCharsets.UTF_8) : value.toString());
    }
    line.append('}');
  }

  private static void text(String value) {
    line.append('"');
    for (int index = 0; index < value.length(); index++) {
      char character = value.charAt(index);
      if (character == '"' || character == '\\') line.append('\\').append(character);
      else if (character < 0x20) line.append(String.format("\\u%04x", (int) character));
      else line.append(character);
    }
    line.append('"');
  }
}
