# frozen_string_literal: true

# Sojourn's API on 127.0.0.1 as far as the Rails client calls it, with sessions in memory and answers that can be
# held, cut short or doubled. Not a model of the API: nothing expires, and a replaced token is superseded for ever.
#
#   ruby slow_api.rb   prints its URL, and serves until it is ended

require "json"
require "openssl"
require "securerandom"
require "socket"
require "io/wait"
require "uri"

class SlowApi
  # Where an answer can be held: before it, behind its head, in its body, before its last byte.
  PHASES = %i[before head body last].freeze

  # What was asked: on which connection, counted from 0, with which token.
  Asked = Struct.new(:connection, :verb, :path, :token)

  SUPERSEDED = [404, { "type" => "urn:sojourn:problem:token-superseded" }].freeze
  CHANGED = [412, { "type" => "urn:sojourn:problem:precondition-failed" }].freeze
  UNKNOWN = [404, { "type" => "urn:sojourn:problem:session-not-found" }].freeze

  attr_reader :asked, :url, :certificate

  def initialize(tls: false)
    @sessions = {}
    @asked = []
    @connections = 0
    @lock = Mutex.new
    @padding = "x" * 40_000 # more than Net::HTTP reads at once
    server = TCPServer.new("127.0.0.1", 0)
    @url = "#{tls ? "https" : "http"}://127.0.0.1:#{server.addr[1]}"
    @context = context if tls
    Thread.new { loop { serve(server.accept) } }
  end

  # A token of a new session.
  def begin_session(data)
    @lock.synchronize { insert(data) }
  end

  # Whose session the token opens, now or before it was rotated away.
  def owner_of(token)
    @lock.synchronize { @sessions.dig(token, :data, "user") }
  end

  # Does +twist+, a hash, to the answer after the next +skip+ answers:
  #   hold: a phase, at which +reached+ is told and +release+ waited for
  #   cut: closes the connection in the middle of the body
  #   double: sends the answer twice, in one piece (:with) or in two (:later)
  #   close: closes the connection behind the answer, which did not say so
  # +sent+ is told when it is done.
  def twist(skip: 0, **twist)
    @lock.synchronize { @twist = twist.merge(skip: skip) }
  end

  # Forgets the twist; true when no answer had it yet.
  def straighten
    @lock.synchronize { !@twist.nil?.tap { @twist = nil } }
  end

  private

  def serve(plain)
    number = @lock.synchronize { (@connections += 1) - 1 }
    Thread.new do
      Thread.current.report_on_exception = false
      plain.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
      socket = @context ? OpenSSL::SSL::SSLSocket.new(plain, @context).tap(&:accept) : plain
      nil while answered(socket, plain, number)
    rescue IOError, SystemCallError, OpenSSL::SSL::SSLError
      nil # the client went away
    ensure
      plain.close
    end
  end

  def answered(socket, plain, number)
    verb, path, = socket.gets&.split
    return false unless path

    headers = {}
    while (line = socket.gets&.chomp) && !line.empty?
      name, _, value = line.partition(": ")
      headers[name.downcase] = value
    end
    body = socket.read(headers["content-length"].to_i)
    status, found, twist = @lock.synchronize do
      @asked << Asked.new(number, verb, path, headers["session-token"])
      [*route(verb, path, headers, body.empty? ? {} : JSON.parse(body)), due]
    end
    send_answer(socket, plain, text(status, found), twist)
  end

  def route(verb, path, headers, body)
    token = headers["session-token"]
    return [201, shown(insert(body["data"], body["subject"]), "token")] if [verb, path] == %w[POST /sessions]
    return listed(path) if path.start_with?("/sessions?subject=")

    session = @sessions[token]
    return end_session(session, token) if verb == "DELETE"
    return UNKNOWN unless session && session[:token]
    return SUPERSEDED unless session[:token] == token

    case [verb, path]
    when %w[GET /session] then [200, shown(token)]
    when %w[PUT /session]
      return CHANGED unless headers["if-match"] == %("#{session[:version]}")

      session[:version] += 1
      session[:data] = body["data"]
      [200, shown(token)]
    when %w[POST /session/rotate], %w[POST /session/login]
      if path.end_with?("login")
        session[:subject] = body.fetch("subject")
        session[:before_login] = @sessions.keys.select { |one| @sessions[one].equal?(session) }
      end
      session[:version] += 1
      session[:token] = token[0, 16] + SecureRandom.urlsafe_base64(18)
      @sessions[session[:token]] = session
      [200, shown(session[:token], "token")]
    end
  end

  def insert(data, subject = nil)
    token = "sjn_#{SecureRandom.urlsafe_base64(27)}"
    @sessions[token] = { token: token, version: 1, data: data, subject: subject }
    token
  end

  # Also by a token that was replaced, unless by a login.
  def end_session(session, token)
    return SUPERSEDED if session && session[:token] && session[:token] != token && session[:before_login]&.include?(token)

    session[:token] = nil if session
    [204, nil]
  end

  def listed(path)
    subject = URI.decode_www_form_component(path.split("=", 2).last)
    found = @sessions.select { |token, session| session[:token] == token && session[:subject] == subject }
    [200, { "sessions" => found.keys.map { |token| { "id" => token[4, 12] } }, "next" => nil }]
  end

  def shown(token, *others)
    session = @sessions[token]
    padding = @asked.size.odd? ? @padding : nil
    { "id" => token[4, 12], "version" => session[:version], "data" => session[:data], "subject" => session[:subject] }
      .merge("label" => padding)
      .merge(others.include?("token") ? { "token" => token } : {})
  end

  def text(status, found)
    return ["HTTP/1.1 #{status} Told\r\n\r\n", ""] unless found

    body = JSON.generate(found)
    ["HTTP/1.1 #{status} Told\r\nContent-Type: application/json\r\nContent-Length: #{body.bytesize}\r\n\r\n", body]
  end

  def due
    return nil unless @twist
    return (@twist[:skip] -= 1) && nil if @twist[:skip].positive?

    @twist.tap { @twist = nil }
  end

  # Whether the connection stays open.
  def send_answer(socket, plain, (head, body), twist)
    return socket.write(head + body) unless twist

    stays = twisted(socket, plain, head, body, twist)
    plain.close unless stays
    stays
  ensure
    twist[:sent]&.push(true) if twist
  end

  def twisted(socket, plain, head, body, twist)
    hold = body.empty? && twist[:hold] ? :before : twist[:hold] # nothing is left to hold behind its head
    half = body.bytesize / 2
    pieces = { before: "", head: head, body: body.byteslice(0, half), last: body.byteslice(half, body.bytesize) }
    last = pieces[:last].slice!(-1..)
    pieces.each do |phase, piece|
      socket.write(piece)
      next unless hold == phase

      twist[:reached].push(true) unless twist[:reached].closed?
      twist[:release].call(plain)
    end
    return false if twist[:cut]

    socket.write(twist[:double] == :with ? "#{last}#{head}#{body}" : last.to_s)
    socket.write(head + body) if twist[:double] == :later
    wait_until_delivered(plain) if twist[:double]
    !twist[:close]
  end

  # The kernel has it on the client's side, so that no test depends on how busy the machine is. Linux knows.
  def wait_until_delivered(plain, unsent = [0].pack("i"))
    nil while plain.ioctl(0x5411, unsent) && unsent.unpack1("i").positive? && sleep(0.001)
  rescue SystemCallError
    nil
  end

  def context
    key = OpenSSL::PKey::RSA.new(2048)
    @certificate = OpenSSL::X509::Certificate.new
    @certificate.version = 2
    @certificate.serial = 1
    @certificate.subject = @certificate.issuer = OpenSSL::X509::Name.parse("/CN=127.0.0.1")
    @certificate.not_before = Time.now - 86_400
    @certificate.not_after = Time.now + 86_400
    @certificate.public_key = key.public_key
    extensions = OpenSSL::X509::ExtensionFactory.new(@certificate, @certificate)
    @certificate.add_extension(extensions.create_extension("subjectAltName", "IP:127.0.0.1"))
    @certificate.add_extension(extensions.create_extension("basicConstraints", "CA:TRUE", true))
    @certificate.sign(key, OpenSSL::Digest.new("SHA256"))
    OpenSSL::SSL::SSLContext.new.tap { |made| made.add_certificate(@certificate, key) }
  end
end

if $PROGRAM_NAME == __FILE__
  $stdout.puts(SlowApi.new.url)
  $stdout.flush
  sleep
end
